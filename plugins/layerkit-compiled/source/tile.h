/* A product for one generation of processors, which defines before it includes this:

    MULTIPLY     the name of the function
    TARGET       the attribute that names the generation
    LANES        the numbers of a vector
    ROWS         the rows and
    VECTORS      the columns, in vectors, of a tile

A tile of c stays in registers while each number of a that it takes, in all lanes of a vector, meets
the vectors of b. Strips of b as wide as a tile are copied first, each in turn, and are then read in
one piece and from the nearest cache. Source: Goto and van de Geijn (2008), "Anatomy of
High-Performance Matrix Multiplication". */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TILE JOIN(MULTIPLY, _tile)
#define Vector JOIN(MULTIPLY, _vector)

typedef float Vector __attribute__((vector_size(4 * LANES)));

/* The sums of a tile of so many rows and vectors, of which so many columns are wanted. Rows and
vectors are known where it is called, so that the loops over them vanish. */
TARGET static inline __attribute__((always_inline)) void TILE(
    int rows, int vectors, int64_t depth, const float *a, int64_t a_row, int64_t a_step,
    const Vector *b, float *c, int64_t c_stride, int64_t columns, int add) {
    Vector sums[ROWS][VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
        for (int j = 0; j < vectors; j++) sums[i][j] = (Vector){0};
    for (int64_t k = 0; k < depth; k++, a += a_step, b += vectors) {
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            const float factor = a[i * a_row];
#pragma GCC unroll 16
            for (int j = 0; j < vectors; j++) sums[i][j] += factor * b[j];
        }
    }
    const int all = columns == vectors * LANES;
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++, c += c_stride) {
#pragma GCC unroll 16
        for (int j = 0; j < vectors; j++) {
            const int64_t left = columns - j * LANES;
            const size_t size = sizeof(float) * (size_t)(all || left > LANES ? LANES : left);
            Vector old = {0};
            if (add) memcpy(&old, c + j * LANES, size);
            old += sums[i][j];
            memcpy(c + j * LANES, &old, size);
        }
    }
}

TARGET void MULTIPLY(Product product, int64_t m, int64_t n, int64_t k, const float *a,
                     int64_t a_stride, const float *b, int64_t b_stride, float *c,
                     int64_t c_stride) {
    enum { WIDTH = VECTORS * LANES };
    const int64_t a_row = product == AT_B ? 1 : a_stride, a_step = product == AT_B ? a_stride : 1;
    Vector strip[DEPTH * VECTORS];
    for (int64_t from = 0; from < k; from += DEPTH) {
        const int64_t depth = k - from < DEPTH ? k - from : DEPTH;
        for (int64_t j = 0; j < n; j += WIDTH) {
            const int64_t columns = n - j < WIDTH ? n - j : WIDTH;
            const int vectors = (int)((columns + LANES - 1) / LANES);
            if (product == A_BT)
                copy_transposed(b + j * b_stride + from, b_stride, depth, columns,
                                vectors * LANES, (float *)strip);
            else
                copy(b + from * b_stride + j, b_stride, depth, columns, vectors * LANES,
                     (float *)strip);
            for (int64_t i = 0; i < m; i += ROWS) {
                const float *rows_of_a = a + i * a_row + from * a_step;
                float *tile = c + i * c_stride + j;
#define OF_SIZE(rows, vectors)                                                                     \
    case 4 * (rows) + (vectors):                                                                   \
        if (rows <= ROWS && vectors <= VECTORS)                                                    \
            TILE(rows <= ROWS ? rows : 1, vectors <= VECTORS ? vectors : 1, depth, rows_of_a,      \
                 a_row, a_step, strip, tile, c_stride, columns, from > 0);                         \
        break;
#define OF_ROWS(rows) OF_SIZE(rows, 1) OF_SIZE(rows, 2) OF_SIZE(rows, 3)
                switch (4 * (m - i < ROWS ? m - i : ROWS) + vectors) {
                    OF_ROWS(1) OF_ROWS(2) OF_ROWS(3) OF_ROWS(4)
                    OF_ROWS(5) OF_ROWS(6) OF_ROWS(7) OF_ROWS(8)
                }
            }
        }
    }
}

#undef OF_ROWS
#undef OF_SIZE
#undef Vector
#undef TILE
#undef JOIN
#undef JOIN_
#undef VECTORS
#undef ROWS
#undef LANES
#undef TARGET
#undef MULTIPLY
