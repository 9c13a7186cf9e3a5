/* The layers of a program, the current batch, and what all operations share: the division of a
batch into parts, and matrix products. */

#ifndef LAYERKIT_LAYER_H
#define LAYERKIT_LAYER_H

#include <stdatomic.h>
#include <stdint.h>

#include "kernels.h"
#include "pool.h"
#include "sparse.h"

/* cblas_sgemm, with 64-bit integers, from the library that NumPy uses. */
typedef void (*Sgemm)(int order, int transpose_a, int transpose_b, int64_t m, int64_t n, int64_t k,
                      float alpha, const float *a, int64_t lda, const float *b, int64_t ldb,
                      float beta, float *c, int64_t ldc);

/* SPARSE_AFFINE is an affine layer whose input is the data, most of which is zero. */
typedef enum { AFFINE, SPARSE_AFFINE, RELU, SIGMOID, TANH, LSTM } Kind;

/* The options of a long short-term memory, and the arrays it keeps for the backward pass; see
lstm.c. */
typedef struct {
    int64_t steps, features, units;
    int returns_sequence, is_reverse;
    float *inputs, *gates, *cells, *tanh_cells, *dh, *dc;
} Lstm;

typedef struct {
    Kind kind;
    int64_t inputs, outputs;
    int64_t weight, bias; /* their starts in the vector of parameters; -1 without a bias */
    Lstm lstm;
    Sparse *sparse; /* the input, one part for each share */
} Layer;

typedef enum { SOFTMAX_OF_LABELS, SOFTMAX_OF_PROBABILITIES, MEAN_SQUARED_ERROR } Loss;

typedef struct Program Program;
typedef void (*Operate)(Program *program, int layer, int share);

typedef struct {
    Operate operate;
    int layer;
    int meet; /* whether all shares of the earlier operations must be done first */
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
    const float *weights; /* of the examples in the loss; NULL if all are equal */
    int64_t examples, inputs, outputs;
    int looks_once; /* whether zeros are searched once, and not each time an example is drawn */
    int has_places;
    Places places; /* the nonzero numbers of the examples in x */
    float scale;

    int operation_count, forward_count; /* the first forward_count ones compute the outputs */
    Operation *operations;
    int stage, stage_end; /* the range of the current operations */

    /* A program has one current batch. values[i] and slopes[i] are the input of layer i and the
    gradient with respect to it. An activation that works in place shares those of the next
    layer. */
    atomic_flag is_busy;
    int64_t batch;
    int shares, used; /* the most shares of a batch, and the shares of the current one */
    const void *source;  /* the examples of the current batch: x, or others */
    const Places *known; /* their nonzero numbers, or NULL */
    int64_t rows;        /* the number of examples in the current batch */
    int64_t *indices;    /* the indices of these examples */
    float **values, **slopes;
    int64_t *labels;
    float *targets; /* the targets, if they are probabilities */
    double weight;  /* how many losses the current batch has, each times its weight */
    float of_mean;  /* the share of a loss of weight 1 in their mean */
    float *sums;    /* the sums of the first product for all shares but the first; see is_deep */
    double losses[MOST_SHARES];
    int64_t wrong_labels[MOST_SHARES]; /* a label that is out of range, or else 0 */
};

/* A part of a batch or of a layer's numbers: `count` of them, beginning at `from`. */
typedef struct {
    int64_t from, count;
} Part;

Part part_of(int64_t things, int share, int shares);

/* c = a b, a b^T or a^T b, with m rows and n columns, where each element is a sum of k products.
The matrices are row-major, and their rows begin a stride apart. */
typedef enum { A_B, A_BT, AT_B } Product;

void multiply(const Program *program, Product product, int64_t m, int64_t n, int64_t k,
              const float *a, int64_t a_stride, const float *b, int64_t b_stride, float *c,
              int64_t c_stride);

int has_parameters(const Layer *layer);

#endif
