#include "sparse.h"

#include <stdlib.h>
#include <string.h>

/* The number of inputs; in a block of columns their weights take 28 KB. */
enum { TILE = 112 };

typedef float Vector __attribute__((vector_size(32), may_alias));
enum { VECTORS = BLOCK * sizeof(float) / sizeof(Vector) };

static int64_t tiles_of(int64_t inputs) { return (inputs + TILE - 1) / TILE; }

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

int sparse_prepare(Sparse *x, int64_t inputs, int64_t rows, int64_t batch) {
    x->inputs = inputs;
    x->tiles = tiles_of(inputs);
    int64_t *ends = calloc((size_t)(rows * x->tiles + 1), sizeof *ends);
    x->ends = ends ? ends + 1 : NULL;
    x->places = malloc((size_t)(rows * inputs));
    x->numbers = floats(rows * inputs);
    x->tile = floats(TILE * BLOCK);
    x->block = floats(batch * BLOCK);
    if (!x->ends || !x->places || !x->numbers || !x->tile || !x->block) return 0;
    /* The columns after the last one are computed too, but never read. */
    memset(x->tile, 0, TILE * BLOCK * sizeof *x->tile);
    memset(x->block, 0, (size_t)(batch * BLOCK) * sizeof *x->block);
    return 1;
}

void sparse_free(Sparse *x) {
    if (x->ends) free(x->ends - 1);
    free(x->places);
    free(x->numbers);
    free(x->tile);
    free(x->block);
}

/* Store the positions of the nonzero numbers, and return their count. Every position is written,
and those of zeros are overwritten, which avoids a branch that the processor would mispredict. Eight
zeros in a row are skipped at once. */
KERNEL static int64_t find(Stored stored, const void *restrict source, int64_t count,
                           uint8_t *restrict places) {
    int64_t i = 0, n = 0;
#define TRY(type, i) (places[n] = (uint8_t)(i), n += ((const type *)source)[i] != 0)
#define FROM(type) \
    for (; i + 8 <= count; i += 8) { \
        uint64_t bits[sizeof(type)], any = 0; \
        memcpy(bits, (const type *)source + i, sizeof bits); \
        for (size_t j = 0; j < sizeof(type); j++) any |= bits[j]; \
        if (any) \
            for (int j = 0; j < 8; j++) TRY(type, i + j); \
    } \
    for (; i < count; i++) TRY(type, i);
    SWITCH_FROM(stored)
#undef FROM
#undef TRY
    return n;
}

int places_find(Places *all, Stored stored, const void *source, int64_t examples, int64_t inputs) {
    const int64_t tiles = tiles_of(inputs), size = size_of(stored);
    const char *row = source;
    int64_t n = 0;
    all->starts = malloc((size_t)examples * sizeof *all->starts);
    all->counts = malloc((size_t)(examples * tiles));
    /* Enough for examples without zeros; the rest is released later. */
    all->places = malloc((size_t)(examples * inputs + 1));
    if (!all->starts || !all->counts || !all->places) return 0;
    for (int64_t i = 0; i < examples; i++, row += inputs * size) {
        all->starts[i] = n;
        for (int64_t tile = 0; tile < tiles; tile++) {
            const int64_t from = tile * TILE;
            const int64_t count = find(stored, row + from * size, smaller(TILE, inputs - from),
                                       all->places + n);
            all->counts[i * tiles + tile] = (uint8_t)count;
            n += count;
        }
    }
    uint8_t *places = realloc(all->places, (size_t)n + 1);
    if (places) all->places = places;
    return 1;
}

void places_free(Places *all) {
    free(all->starts);
    free(all->counts);
    free(all->places);
}

/* numbers = scale source[places]. */
KERNEL static void convert_places(Stored stored, const void *restrict source,
                                  const uint8_t *restrict places, int64_t count, float scale,
                                  float *restrict numbers) {
#define FROM(type) \
    for (int64_t i = 0; i < count; i++) \
        numbers[i] = (float)((const type *)source)[places[i]] * scale;
    SWITCH_FROM(stored)
#undef FROM
}

void sparse_gather(Sparse *x, const Places *known, Stored stored, const void *source,
                   const int64_t *indices, int64_t rows, float scale) {
    const int64_t size = size_of(stored), row_size = x->inputs * size;
    int64_t n = 0, *end = x->ends;
    x->rows = rows;
    for (int64_t i = 0; i < rows; i++) {
        const char *row = (const char *)source + indices[i] * row_size;
        int64_t at = known ? known->starts[indices[i]] : 0;
        if (i + AHEAD < rows)
            fetch_row((const char *)source + indices[i + AHEAD] * row_size, row_size);
        for (int64_t tile = 0; tile < x->tiles; tile++) {
            const int64_t from = tile * TILE;
            const char *part = row + from * size;
            uint8_t *places = x->places + n;
            int64_t count;
            if (known) {
                count = known->counts[indices[i] * x->tiles + tile];
                memcpy(places, known->places + at, (size_t)count);
                at += count;
            } else
                count = find(stored, part, smaller(TILE, x->inputs - from), places);
            convert_places(stored, part, places, count, scale, x->numbers + n);
            *end++ = n += count;
        }
    }
}

/* Copy the first columns of rows that begin a stride apart. */
static void copy_columns(const float *from, int64_t from_stride, float *to, int64_t to_stride,
                         int64_t rows, int64_t columns) {
    for (int64_t i = 0; i < rows; i++, from += from_stride, to += to_stride)
        memcpy(to, from, (size_t)columns * sizeof *to);
}

/* Add to the block of each row the numbers of a tile times the rows of the weights. */
KERNEL static void add_products(const Sparse *x, int64_t tile, float *restrict block) {
    const float *restrict weights = x->tile;
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t *end = x->ends + i * x->tiles + tile;
        Vector sums[VECTORS], *y = (Vector *)(block + i * BLOCK);
        for (int v = 0; v < VECTORS; v++) sums[v] = y[v];
        for (int64_t n = end[-1]; n < end[0]; n++) {
            const Vector *row = (const Vector *)(weights + x->places[n] * BLOCK);
            for (int v = 0; v < VECTORS; v++) sums[v] += x->numbers[n] * row[v];
        }
        for (int v = 0; v < VECTORS; v++) y[v] = sums[v];
    }
}

void sparse_forward(const Sparse *x, const float *w, int64_t width, float *y) {
    for (int64_t column = 0; column < width; column += BLOCK) {
        const int64_t columns = smaller(BLOCK, width - column);
        memset(x->block, 0, (size_t)(x->rows * BLOCK) * sizeof *x->block);
        for (int64_t tile = 0; tile < x->tiles; tile++) {
            const int64_t from = tile * TILE, inputs = smaller(TILE, x->inputs - from);
            copy_columns(w + from * width + column, width, x->tile, BLOCK, inputs, columns);
            add_products(x, tile, x->block);
        }
        copy_columns(x->block, BLOCK, y + column, width, x->rows, columns);
    }
}

/* Add to the rows of the weights of a tile the numbers times the block of each row. */
KERNEL static void add_outer_products(const Sparse *x, int64_t tile, const float *restrict block,
                                      float *restrict weights) {
    for (int64_t i = 0; i < x->rows; i++) {
        const int64_t *end = x->ends + i * x->tiles + tile;
        const Vector *dy = (const Vector *)(block + i * BLOCK);
        Vector slopes[VECTORS];
        for (int v = 0; v < VECTORS; v++) slopes[v] = dy[v];
        for (int64_t n = end[-1]; n < end[0]; n++) {
            Vector *row = (Vector *)(weights + x->places[n] * BLOCK);
            for (int v = 0; v < VECTORS; v++) row[v] += x->numbers[n] * slopes[v];
        }
    }
}

void sparse_weights(const Sparse *parts, int share, int shares, const float *dy, int64_t width,
                    float *dw) {
    const Sparse *own = &parts[share];
    int64_t rows = 0;
    for (int i = 0; i < shares; i++) rows += parts[i].rows;
    for (int64_t column = 0; column < width; column += BLOCK) {
        const int64_t columns = smaller(BLOCK, width - column);
        copy_columns(dy + column, width, own->block, BLOCK, rows, columns);
        /* Tiles are dealt in turn, because those in the middle of an image have the most work. */
        for (int64_t tile = share; tile < own->tiles; tile += shares) {
            const int64_t from = tile * TILE, inputs = smaller(TILE, own->inputs - from);
            const float *block = own->block;
            memset(own->tile, 0, TILE * BLOCK * sizeof *own->tile);
            for (int i = 0; i < shares; block += parts[i++].rows * BLOCK)
                add_outer_products(&parts[i], tile, block, own->tile);
            copy_columns(own->tile, BLOCK, dw + from * width + column, width, inputs, columns);
        }
    }
}
