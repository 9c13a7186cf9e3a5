#include "layer.h"

enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 }; /* constants of CBLAS */

int has_parameters(const Layer *layer) {
    return layer->kind == AFFINE || layer->kind == SPARSE_AFFINE || layer->kind == LSTM;
}

Part part_of(int64_t things, int share, int shares) {
    const int64_t from = things * share / shares;
    return (Part){from, things * (share + 1) / shares - from};
}

void multiply(const Program *p, Product product, int64_t m, int64_t n, int64_t k, const float *a,
              int64_t a_stride, const float *b, int64_t b_stride, float *c, int64_t c_stride) {
    p->sgemm(ROW_MAJOR, product == AT_B ? TRANSPOSED : AS_IS,
             product == A_BT ? TRANSPOSED : AS_IS, m, n, k, 1, a, a_stride, b, b_stride, 0, c,
             c_stride);
}
