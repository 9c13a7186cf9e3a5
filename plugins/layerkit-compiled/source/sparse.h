/* A batch of mostly zeros, and its products with a matrix of weights.

Only the nonzero numbers are kept, each with its input, and each is multiplied with one row of the
weights. This is one in five of MNIST's pixels. The inputs are processed in tiles and the columns in
blocks, so that the weights of a tile fit in the nearest cache, and a row of a block in registers.
*/

#ifndef LAYERKIT_SPARSE_H
#define LAYERKIT_SPARSE_H

#include <stdint.h>

#include "kernels.h"

enum { BLOCK = 64 }; /* columns: eight vectors of AVX2 */

typedef struct {
    int64_t inputs, tiles, rows;
    /* The numbers of a row and a tile end where those of the next tile begin. The first ones begin
    at 0, which is ends[-1]. */
    int64_t *ends;
    uint8_t *places; /* the positions of their inputs in the tile */
    float *numbers;
    float *tile, *block; /* the weights of a tile, and rows of a batch, in one block of columns */
} Sparse;

/* The positions of the nonzero numbers of all examples. Finding them takes as long as a product
with 16 columns. */
typedef struct {
    int64_t *starts; /* for each example */
    uint8_t *counts; /* for each example and tile */
    uint8_t *places;
} Places;

/* Find the nonzero numbers of examples; 0 if there is no memory, and then nothing is stored. */
int places_find(Places *all, Stored stored, const void *source, int64_t examples, int64_t inputs);

void places_free(Places *all);

/* Allocate the memory for `rows` rows of a batch; 0 if there is none. */
int sparse_prepare(Sparse *x, int64_t inputs, int64_t rows, int64_t batch);

void sparse_free(Sparse *x);

/* x = scale source[indices], without the zeros, which are searched unless `known` is given. */
void sparse_gather(Sparse *x, const Places *known, Stored stored, const void *source,
                   const int64_t *indices, int64_t rows, float scale);

/* y = x w, with `width` columns. */
void sparse_forward(const Sparse *x, const float *w, int64_t width, float *y);

/* dw = x^T dy, for a batch x whose rows are divided into one part for each share. A share sets the
rows of dw of its own tiles. */
void sparse_weights(const Sparse *parts, int share, int shares, const float *dy, int64_t width,
                    float *dw);

#endif
