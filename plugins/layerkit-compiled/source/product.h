/* Matrix products of float32. */

#ifndef LAYERKIT_PRODUCT_H
#define LAYERKIT_PRODUCT_H

#include <stdint.h>

/* c = a b, a b^T or a^T b, of m rows and n columns, each a sum of k products. Each matrix is stored
by rows, which begin so many numbers apart. */
typedef enum { A_B, A_BT, AT_B } Product;

typedef void Multiply(Product product, int64_t m, int64_t n, int64_t k, const float *a,
                      int64_t a_stride, const float *b, int64_t b_stride, float *c,
                      int64_t c_stride);

/* By the newest instructions that the processor has. */
Multiply multiply;

/* By any, by AVX2 and by AVX-512. */
Multiply multiply_any;
#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_GENERATIONS
Multiply multiply_avx2, multiply_avx512;
#endif

#endif
