#include "kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float *floats(int64_t count) {
    void *memory = NULL;
    const size_t size = (size_t)(count ? count : 1) * sizeof(float);
    return posix_memalign(&memory, 64, size) ? NULL : memory;
}

int64_t size_of(Stored stored) {
    static const int64_t sizes[] = {1, 4, 8, 4, 8};
    return sizes[stored];
}

KERNEL static void convert_row(Stored stored, const void *restrict row, float scale,
                               float *restrict y, int64_t count) {
#define FROM(type) \
    for (int64_t i = 0; i < count; i++) y[i] = (float)((const type *)row)[i] * scale;
    SWITCH_FROM(stored)
#undef FROM
}

KERNEL static void errors_of_row(Stored stored, const float *restrict y, const void *restrict row,
                                 float *restrict dy, int64_t count) {
    /* As in NumPy, float64 is used if float32 cannot hold every target. */
#define FROM(type) \
    for (int64_t i = 0; i < count; i++) \
        dy[i] = (float)((double)y[i] - (double)((const type *)row)[i]);
    SWITCH_FROM(stored)
#undef FROM
}

void fetch_row(const char *row, int64_t size) {
    for (int64_t i = 0; i < size; i += 64) __builtin_prefetch(row + i);
}

void gather(Stored stored, const void *source, const int64_t *indices, int64_t rows, int64_t width,
            int64_t stride, float scale, float *out) {
    const int64_t size = width * size_of(stored), step = stride * size_of(stored);
    const char *start = source;
    for (int64_t i = -AHEAD; i < rows; i++) {
        if (i + AHEAD < rows) fetch_row(start + indices[i + AHEAD] * step, size);
        if (i >= 0) convert_row(stored, start + indices[i] * step, scale, out + i * stride, width);
    }
}

KERNEL void add(float *restrict y, const float *restrict x, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] += x[i];
}

KERNEL void add_to_rows(float *restrict y, const float *restrict b, int64_t rows, int64_t width,
                        int64_t stride) {
    for (int64_t i = 0; i < rows; i++, y += stride)
        for (int64_t j = 0; j < width; j++) y[j] += b[j];
}

KERNEL void sum_of_rows(const float *restrict dy, float *restrict db, int64_t rows, int64_t width,
                        int64_t stride) {
    memset(db, 0, (size_t)width * sizeof *db);
    for (int64_t i = 0; i < rows; i++, dy += stride)
        for (int64_t j = 0; j < width; j++) db[j] += dy[j];
}

/* exp(x) = 2^n exp(r) for n = round(x / ln 2), so that |r| <= ln(2) / 2; to 1 in the last digit.
From 88.73 on it is infinite, and below -87.3 it falls through subnormal numbers to 0. Source of the
polynomial: Moshier, Cephes, expf.c. */
static inline float exponential(float x) {
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    /* Adding 1.5 * 2^23 rounds without a library call on any processor, and leaves n in the lowest
    bits of the sum. */
    const float round = 12582912.0f, shifted = x * 1.44269504f + round, n = shifted - round;
    const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    /* Two powers whose product is 2^n, because that alone may be no normal number. */
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    const int32_t whole = (int32_t)(bits - 0x4b400000u), half = whole >> 1;
    const uint32_t powers[] = {((uint32_t)half + 127) << 23, ((uint32_t)(whole - half) + 127) << 23};
    float one, other;
    memcpy(&one, &powers[0], sizeof one);
    memcpy(&other, &powers[1], sizeof other);
    return p * one * other;
}

/* 1 - 2 / (exp(2 |x|) + 1) with the sign of x; near 0, where this loses digits, a polynomial.
Source: Moshier, Cephes, tanhf.c. */
static inline float tanh_of(float x) {
    const float size = fabsf(x), square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    const float far = copysignf(1.0f - 2.0f / (exponential(2.0f * size) + 1.0f), x);
    return size < 0.625f ? p * square * x + x : far;
}

static inline float sigmoid_of(float x) { return 1.0f / (1.0f + exponential(-x)); }

KERNEL void relu(float *y, int64_t count) {
    /* In the other order this would turn NaN into 0. */
    for (int64_t i = 0; i < count; i++) y[i] = y[i] < 0 ? 0 : y[i];
}

KERNEL void relu_back(const float *restrict y, float *restrict dy, int64_t count) {
    /* A product, so that NaN and infinity propagate as in layerkit's own layer. */
    for (int64_t i = 0; i < count; i++) dy[i] *= y[i] > 0 ? 1.0f : 0.0f;
}

KERNEL void sigmoid(float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = sigmoid_of(y[i]);
}

KERNEL void sigmoid_back(const float *restrict y, float *restrict dy, int64_t count) {
    for (int64_t i = 0; i < count; i++) dy[i] *= (1.0f - y[i]) * y[i];
}

KERNEL void hyperbolic_tangent(float *y, int64_t count) {
    for (int64_t i = 0; i < count; i++) y[i] = tanh_of(y[i]);
}

KERNEL void hyperbolic_tangent_back(const float *restrict y, float *restrict dy, int64_t count) {
    for (int64_t i = 0; i < count; i++) dy[i] *= 1.0f - y[i] * y[i];
}

KERNEL void lstm_states(float *restrict gates, const float *restrict cells_before, int64_t units,
                        float *restrict cells, float *restrict tanh_cells, float *restrict h) {
    float *i = gates, *f = i + units, *o = f + units, *g = o + units;
    for (int64_t j = 0; j < 3 * units; j++) gates[j] = sigmoid_of(gates[j]);
    for (int64_t j = 0; j < units; j++) g[j] = tanh_of(g[j]);
#pragma omp simd
    for (int64_t j = 0; j < units; j++) {
        cells[j] = f[j] * cells_before[j] + i[j] * g[j];
        tanh_cells[j] = tanh_of(cells[j]);
        h[j] = o[j] * tanh_cells[j];
    }
}

KERNEL void lstm_states_back(float *restrict gates, const float *restrict cells_before,
                             const float *restrict tanh_cells, const float *restrict dh,
                             int64_t units, float *restrict dc) {
    float *is = gates, *fs = is + units, *os = fs + units, *gs = os + units;
#pragma omp simd
    for (int64_t j = 0; j < units; j++) {
        const float i = is[j], f = fs[j], o = os[j], g = gs[j], t = tanh_cells[j];
        const float by_cell = dc[j] + dh[j] * o * (1.0f - t * t);
        is[j] = by_cell * g * (1.0f - i) * i;
        fs[j] = by_cell * cells_before[j] * (1.0f - f) * f;
        os[j] = dh[j] * t * (1.0f - o) * o;
        gs[j] = by_cell * i * (1.0f - g * g);
        dc[j] = by_cell * f;
    }
}

static inline float largest_of(const float *y, int64_t width) {
    float largest = y[0];
    for (int64_t j = 1; j < width; j++) largest = largest < y[j] ? y[j] : largest;
    return largest;
}

/* Set p = exp(y - largest), which cannot overflow, and return the sum of p. */
static inline float exponentials(const float *restrict y, float largest, float *restrict p,
                                 int64_t width) {
    float sum = 0;
    for (int64_t j = 0; j < width; j++) p[j] = exponential(y[j] - largest);
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; j++) sum += p[j];
    return sum;
}

KERNEL double softmax_of_labels(const float *restrict y, float *restrict dy,
                                const int64_t *restrict labels, int64_t rows, int64_t width,
                                float share) {
    double loss = 0;
    for (int64_t i = 0; i < rows; i++, y += width, dy += width) {
        const float largest = largest_of(y, width), sum = exponentials(y, largest, dy, width);
        const float factor = share / sum;
        for (int64_t j = 0; j < width; j++) dy[j] *= factor;
        dy[labels[i]] -= share;
        loss += (double)logf(sum) - (double)(y[labels[i]] - largest);
    }
    return loss;
}

KERNEL double softmax_of_probabilities(const float *restrict y, float *restrict dy,
                                       const float *restrict t, int64_t rows, int64_t width,
                                       float share) {
    double loss = 0;
    for (int64_t i = 0; i < rows; i++, y += width, dy += width, t += width) {
        const float largest = largest_of(y, width), sum = exponentials(y, largest, dy, width);
        float weight = 0, of_targets = 0; /* the weight is 1, up to rounding of the targets */
#pragma omp simd reduction(+ : weight, of_targets)
        for (int64_t j = 0; j < width; j++) {
            weight += t[j];
            of_targets += t[j] * (y[j] - largest);
        }
        const float factor = weight / sum;
        for (int64_t j = 0; j < width; j++) dy[j] = (dy[j] * factor - t[j]) * share;
        loss += (double)weight * (double)logf(sum) - (double)of_targets;
    }
    return loss;
}

void errors(Stored stored, const float *y, const void *source, const int64_t *indices, int64_t rows,
            int64_t width, float *dy) {
    const int64_t size = width * size_of(stored);
    for (int64_t i = 0; i < rows; i++)
        errors_of_row(stored, y + i * width, (const char *)source + indices[i] * size,
                      dy + i * width, width);
}

KERNEL double squares(float *dy, int64_t count, float share) {
    double loss = 0;
#pragma omp simd reduction(+ : loss)
    for (int64_t i = 0; i < count; i++) {
        loss += dy[i] * dy[i];
        dy[i] = 2.0f * dy[i] * share;
    }
    return loss;
}

/* Without decay, an infinite parameter must not give 0 times infinity. */
static inline float slope_of(float g, float decay, float w) { return decay ? g + decay * w : g; }

KERNEL static void descend(float rate, float decay, float *restrict w, const float *restrict g,
                           int64_t count) {
    for (int64_t i = 0; i < count; i++) w[i] -= rate * slope_of(g[i], decay, w[i]);
}

KERNEL static void descend_along_velocity(const Sgd *how, float *restrict w,
                                          const float *restrict g, float *restrict v,
                                          int64_t count) {
    const float rate = how->rate, decay = how->weight_decay, momentum = how->momentum;
    const int nesterov = how->nesterov;
    for (int64_t i = 0; i < count; i++) {
        const float slope = slope_of(g[i], decay, w[i]);
        v[i] = momentum * v[i] + slope;
        w[i] -= rate * (nesterov ? momentum * v[i] + slope : v[i]);
    }
}

void sgd(const Sgd *how, float *params, const float *grads, int64_t start, int64_t count) {
    params += start;
    grads += start;
    if (how->velocity)
        descend_along_velocity(how, params, grads, how->velocity + start, count);
    else
        descend(how->rate, how->weight_decay, params, grads, count);
}

KERNEL static void adapt(const Adam *how, float *restrict w, const float *restrict g,
                         float *restrict m, float *restrict v, int64_t count) {
    const float rate = how->rate, beta1 = how->beta1, beta2 = how->beta2, epsilon = how->epsilon;
    const float decay = how->weight_decay, kept = how->kept;
    for (int64_t i = 0; i < count; i++) {
        const float slope = slope_of(g[i], decay, w[i]);
        m[i] = beta1 * m[i] + slope;
        v[i] = beta2 * v[i] + slope * slope;
        /* The product first, because it removes the subnormal numbers to which m falls for a unit
        that always gives 0; they are slow to divide. But it may overflow where v has. */
        const float step = v[i] < INFINITY ? rate * m[i] : m[i];
        w[i] = kept * w[i] - step / (sqrtf(v[i]) + epsilon);
    }
}

void adam(const Adam *how, float *params, const float *grads, int64_t start, int64_t count) {
    adapt(how, params + start, grads + start, how->gradients + start, how->squares + start, count);
}
