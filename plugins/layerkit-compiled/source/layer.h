/* The layers of a program, the batch in hand, and what their operations share: which part of a batch
is whose, and products. */

#ifndef LAYERKIT_LAYER_H
#define LAYERKIT_LAYER_H

#include <stdatomic.h>
#include <stdint.h>

#include "kernels.h"
#include "pool.h"
#include "sparse.h"

/* cblas_sgemm, with integers of 64 bits, from the library that NumPy uses. */
typedef void (*Sgemm)(int order, int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k,
                      float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                      float beta, float *c, int64_t ldc);

/* SPARSE_AFFINE is an affine layer that takes the data, most of which are zero. */
typedef enum { AFFINE, SPARSE_AFFINE, RELU, SIGMOID, TANH, LSTM } Kind;

/* What a long short-term memory does, and what it keeps for the way back; see lstm.c. */
typedef struct {
    int64_t steps, features, units;
    int returns_sequence, is_reverse;
    float *inputs, *gates, *cells, *tanh_cells, *dh, *dc;
} Lstm;

typedef struct {
    Kind kind;
    int64_t inputs, outputs;
    int64_t weight, bias; /* where they begin in the vector of parameters; no bias: -1 */
    Lstm lstm;
    Sparse *sparse; /* the input, in a part for each share */
} Layer;

typedef enum { SOFTMAX_OF_LABELS, SOFTMAX_OF_PROBABILITIES, MEAN_SQUARED_ERROR } Loss;

typedef struct Program Program;
typedef void (*Operate)(Program *program, int layer, int share);

typedef struct {
    Operate operate;
    int layer;
    int meet; /* whether all shares of the operations before must be done */
} Operation;

struct Program {
    Sgemm sgemm;
    int layer_count;
    Layer *layers;
    Loss loss;

    float *params, *grads;

    /* The examples and their targets, labels or numbers, as they are stored. */
    Stored x_stored, t_stored;
    const void *x, *t;
    int64_t examples, inputs, outputs;
    int looks_once; /* for the zeros of sparse examples, and not whenever one is drawn */
    int has_places;
    Places places; /* of the examples in x */
    float scale;

    int operation_count, forward_count; /* the first ones lead to the outputs */
    Operation *operations;
    int stage, stage_end; /* the operations that are being done */

    /* A program has one batch in hand. values[i] and slopes[i] are the input of layer i and the
    gradient with respect to it; those of an activation that works in place are those of the next
    layer. */
    atomic_flag is_busy;
    int64_t batch;
    int shares, used; /* how many shares at most, and how many the batch in hand has */
    const void *source;  /* where the examples of the batch in hand are: x, or others */
    const Places *known; /* of those examples, or NULL */
    int64_t rows;        /* of the batch in hand */
    int64_t *indices;    /* of its examples */
    float **values, **slopes;
    int64_t *labels;
    float *targets; /* if they are probabilities */
    float *sums;    /* of the first product, by shares but the first; see is_deep */
    double losses[MOST_SHARES];
    int64_t wrong_labels[MOST_SHARES]; /* a label that is out of bounds, or else 0 */
};

/* A part of a batch or of a layer's numbers: from `from` on, `count` of them. */
typedef struct {
    int64_t from, count;
} Part;

Part part_of(int64_t things, int share, int shares);

/* c = a b, a b^T or a^T b, of m rows and n columns, each a sum of k products. Each matrix is stored
by rows, which begin so many numbers apart. */
typedef enum { A_B, A_BT, AT_B } Product;

void multiply(const Program *program, Product product, int64_t m, int64_t n, int64_t k,
              const float *a, int64_t a_stride, const float *b, int64_t b_stride, float *c,
              int64_t c_stride);

int has_parameters(const Layer *layer);

#endif
