/* The arithmetic besides the matrix products: each function is one pass over its numbers.

Everything is float32 and row-major. The formulas are those of layerkit's own layers, losses and
optimizers, which give their derivations and sources. */

#ifndef LAYERKIT_KERNELS_H
#define LAYERKIT_KERNELS_H

#include <stdint.h>

/* Marks a function that is compiled for several generations of processors; the best version is
chosen when the module is loaded. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

/* Memory for `count` numbers, aligned to cache lines and vector registers; or NULL. */
float *floats(int64_t count);

/* The types of stored numbers: uint8, int32, int64, float32, float64. */
typedef enum { BYTES, INTS, LONGS, FLOATS, DOUBLES } Stored;

/* Numbers in data, which may be unaligned: in a field of a record, or in a part of a file. */
#define ANYWHERE __attribute__((aligned(1), may_alias))
typedef int32_t ANYWHERE Int;
typedef int64_t ANYWHERE Long;
typedef float ANYWHERE Float;
typedef double ANYWHERE Double;

/* FROM(type), for the C type of stored numbers. */
#define SWITCH_FROM(stored) \
    switch (stored) { \
        case BYTES: FROM(uint8_t) break; \
        case INTS: FROM(Int) break; \
        case LONGS: FROM(Long) break; \
        case FLOATS: FROM(Float) break; \
        case DOUBLES: FROM(Double) break; \
    }

int64_t size_of(Stored stored);

/* Prefetch `size` bytes that will be read soon. Rows drawn at random are seldom in a cache, so
while one is read, the row AHEAD rows later is fetched. */
enum { AHEAD = 2 };
void fetch_row(const char *row, int64_t size);

/* out[i] = scale source[indices[i]], for the first `width` numbers of rows that begin `stride`
numbers apart. */
void gather(Stored stored, const void *source, const int64_t *indices, int64_t rows, int64_t width,
            int64_t stride, float scale, float *out);

/* y += x. */
void add(float *y, const float *x, int64_t count);

/* Matrices whose rows begin `stride` numbers apart. */
void add_to_rows(float *y, const float *b, int64_t rows, int64_t width, int64_t stride);
void sum_of_rows(const float *dy, float *db, int64_t rows, int64_t width, int64_t stride);

/* Activations work in place: y holds x and becomes f(x); dy holds the gradient with respect to
y = f(x) and becomes the one with respect to x, which depends only on y. */
void relu(float *y, int64_t count);
void relu_back(const float *y, float *dy, int64_t count);
void sigmoid(float *y, int64_t count);
void sigmoid_back(const float *y, float *dy, int64_t count);
void hyperbolic_tangent(float *y, int64_t count);
void hyperbolic_tangent_back(const float *y, float *dy, int64_t count);

/* A step of a long short-term memory: gates holds z and becomes the gates i, f, o, g. */
void lstm_states(float *gates, const float *cells_before, int64_t units, float *cells,
                 float *tanh_cells, float *h);

/* The backward step: gates becomes the gradient with respect to z, given the one with respect to h;
dc holds the gradient with respect to the cells after the step, and becomes the one with respect to
the cells before it. */
void lstm_states_back(float *gates, const float *cells_before, const float *tanh_cells,
                      const float *dh, int64_t units, float *dc);

/* Losses return their sum, and set dy to the gradient of that sum times share with respect to y. */
double softmax_of_labels(const float *y, float *dy, const int64_t *labels, int64_t rows,
                         int64_t width, float share);
double softmax_of_probabilities(const float *y, float *dy, const float *t, int64_t rows,
                                int64_t width, float share);

/* The squared error, in two passes. The first sets dy = y - source[indices], for rows of `width`
numbers. The second returns the sum of the squares of dy, and sets dy to the gradient of share times
that sum. */
void errors(Stored stored, const float *y, const void *source, const int64_t *indices, int64_t rows,
            int64_t width, float *dy);
double squares(float *dy, int64_t count, float share);

typedef struct {
    float rate, momentum, weight_decay;
    int nesterov;
    float *velocity; /* NULL without momentum */
} Sgd;

typedef struct {
    float rate, beta1, beta2, epsilon, weight_decay;
    float kept; /* the factor of each parameter in decoupled weight decay */
    float *gradients, *squares;
} Adam;

/* Update `count` parameters, beginning at `start`. */
void sgd(const Sgd *how, float *params, const float *grads, int64_t start, int64_t count);
void adam(const Adam *how, float *params, const float *grads, int64_t start, int64_t count);

#endif
