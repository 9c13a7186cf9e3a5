#include "activation.h"

#include <string.h>

/* y = f(x). */
void activate(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part rows = part_of(p->rows, share, p->used);
    const int64_t from = rows.from * layer->outputs, count = rows.count * layer->outputs;
    const float *x = p->values[i] + from;
    float *y = p->values[i + 1] + from;
    if (x != y) memcpy(y, x, (size_t)count * sizeof *y);
    switch (layer->kind) {
        case RELU: relu(y, count); break;
        case SIGMOID: sigmoid(y, count); break;
        case TANH: hyperbolic_tangent(y, count); break;
        default: break;
    }
}

/* dx = f'(x) dy. */
void activate_back(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part rows = part_of(p->rows, share, p->used);
    const int64_t from = rows.from * layer->outputs, count = rows.count * layer->outputs;
    const float *y = p->values[i + 1] + from;
    float *dx = p->slopes[i] + from, *dy = p->slopes[i + 1] + from;
    switch (layer->kind) {
        case RELU: relu_back(y, dy, count); break;
        case SIGMOID: sigmoid_back(y, dy, count); break;
        case TANH: hyperbolic_tangent_back(y, dy, count); break;
        default: break;
    }
    if (dx != dy) memcpy(dx, dy, (size_t)count * sizeof *dx);
}
