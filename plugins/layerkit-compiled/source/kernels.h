/* The arithmetic beside the matrix products: each function one pass over its numbers.

Everything is float32 and row-major. The formulas are those of layerkit's own layers, losses and
optimizers, where their derivations and sources stand. */

#ifndef LAYERKIT_KERNELS_H
#define LAYERKIT_KERNELS_H

#include <stdint.h>

/* Marks a function that is compiled for several generations of processors; the one that fits is
chosen when the module is loaded. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

/* Memory for so many numbers, which begins where cache lines and vector registers begin; or NULL. */
float *floats(int64_t count);

/* How numbers are stored: uint8, int32, int64, float32, float64. */
typedef enum { BYTES, INTS, LONGS, FLOATS, DOUBLES } Stored;

/* Numbers of data, which may begin at any byte: a field of a record, or a part of a file. */
#define ANYWHERE __attribute__((aligned(1), may_alias))
typedef int32_t ANYWHERE Int;
typedef int64_t ANYWHERE Long;
typedef float ANYWHERE Float;
typedef double ANYWHERE Double;

/* FROM(type), for the type of numbers stored so. */
#define SWITCH_FROM(stored) \
    switch (stored) { \
        case BYTES: FROM(uint8_t) break; \
        case INTS: FROM(Int) break; \
        case LONGS: FROM(Long) break; \
        case FLOATS: FROM(Float) break; \
        case DOUBLES: FROM(Double) break; \
    }

int64_t size_of(Stored stored);

/* Have so many bytes come, which are then read soon. Rows drawn at random are seldom in a cache: while
one is read, the one so many rows ahead comes. */
enum { AHEAD = 2 };
void fetch_row(const char *row, int64_t size);

/* out[i] = scale source[indices[i]], for rows of which so many numbers are taken, and which begin
`stride` numbers apart. */
void gather(Stored stored, const void *source, const int64_t *indices, int64_t rows, int64_t width,
            int64_t stride, float scale, float *out);

/* y += x. */
void add(float *y, const float *x, int64_t count);

/* Matrices whose rows begin `stride` numbers apart. */
void add_to_rows(float *y, const float *b, int64_t rows, int64_t width, int64_t stride);
void sum_of_rows(const float *dy, float *db, int64_t rows, int64_t width, int64_t stride);

/* Activations work in place: y holds x and gets f(x); dy holds the gradient with respect to y = f(x)
and gets the one with respect to x, for which each needs y alone. */
void relu(float *y, int64_t count);
void relu_back(const float *y, float *dy, int64_t count);
void sigmoid(float *y, int64_t count);
void sigmoid_back(const float *y, float *dy, int64_t count);
void hyperbolic_tangent(float *y, int64_t count);
void hyperbolic_tangent_back(const float *y, float *dy, int64_t count);

/* A step of a long short-term memory: gates holds z and gets the gates i, f, o, g. */
void lstm_states(float *gates, const float *cells_before, int64_t units, float *cells,
                 float *tanh_cells, float *h);

/* The way back: gates gets the gradient with respect to z, given the one with respect to h; dc holds
the gradient with respect to the cells after the step, and gets the one to those before. */
void lstm_states_back(float *gates, const float *cells_before, const float *tanh_cells,
                      const float *dh, int64_t units, float *dc);

/* Losses return their sum, and set dy to the gradient with respect to y of that sum times share. */
double softmax_of_labels(const float *y, float *dy, const int64_t *labels, int64_t rows,
                         int64_t width, float share);
double softmax_of_probabilities(const float *y, float *dy, const float *t, int64_t rows,
                                int64_t width, float share);

/* The squared error, in two passes: dy = y - source[indices], for rows of so many numbers; and dy gets
the gradient of share times the sum of its squares, which is returned. */
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
    float kept; /* the share of each parameter that decoupled weight decay leaves */
    float *gradients, *squares;
} Adam;

/* Update the parameters from `start` on, so many of them. */
void sgd(const Sgd *how, float *params, const float *grads, int64_t start, int64_t count);
void adam(const Adam *how, float *params, const float *grads, int64_t start, int64_t count);

#endif
