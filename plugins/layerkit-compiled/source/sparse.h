/* A batch most of whose numbers are zero, and its products with a matrix of weights.

Only the other numbers are kept, each with its input, and each is multiplied with one row of the
weights. Of MNIST's pixels that is one in five. The inputs are taken in tiles and the columns in
blocks, so that the weights of a tile lie in the nearest cache, and a row of a block in registers. */

#ifndef LAYERKIT_SPARSE_H
#define LAYERKIT_SPARSE_H

#include <stdint.h>

#include "kernels.h"

enum { BLOCK = 64 }; /* columns: eight vectors of AVX2 */

typedef struct {
    int64_t inputs, tiles, rows;
    /* The numbers of a row and a tile end where those of the next tile begin: the first ones begin
    at 0, which is ends[-1]. */
    int64_t *ends;
    uint8_t *places; /* of their inputs in the tile */
    float *numbers;
    float *tile, *block; /* weights of a tile, and rows of a batch, in one block of columns */
} Sparse;

/* Where the numbers are that are not zero, of all examples: to look for them takes as long as a
product with 16 columns. */
typedef struct {
    int64_t *starts; /* of each example */
    uint8_t *counts; /* of each example and tile */
    uint8_t *places;
} Places;

/* Look at so many examples; 0 if there is no memory, and then there is nothing to know. */
int places_find(Places *all, Stored stored, const void *source, int64_t examples, int64_t inputs);

void places_free(Places *all);

/* Set up the memory for so many rows out of a batch; 0 if there is none. */
int sparse_prepare(Sparse *x, int64_t inputs, int64_t rows, int64_t batch);

void sparse_free(Sparse *x);

/* x = scale source[indices], without the zeros, looked for unless it is known where they are. */
void sparse_gather(Sparse *x, const Places *known, Stored stored, const void *source,
                   const int64_t *indices, int64_t rows, float scale);

/* y = x w, of so many columns. */
void sparse_forward(const Sparse *x, const float *w, int64_t width, float *y);

/* dw = x^T dy, for a batch x whose rows are in as many parts as there are shares: of dw the rows of
every tile that is this share's. */
void sparse_weights(const Sparse *parts, int share, int shares, const float *dy, int64_t width,
                    float *dw);

#endif
