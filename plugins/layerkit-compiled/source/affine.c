#include "affine.h"

enum { LARGE = 1 << 17 };

int is_large(const Layer *layer) {
    return layer->kind == AFFINE && layer->inputs * layer->outputs >= LARGE;
}

static Part part_of_rows(const Program *p, int i, int share) {
    return is_large(&p->layers[i]) ? (Part){0, p->rows} : part_of(p->rows, share, p->used);
}

static Part part_of_columns(const Program *p, int i, int64_t columns, int share) {
    return is_large(&p->layers[i]) ? part_of(columns, share, p->used) : (Part){0, columns};
}

enum { FEWEST_INPUTS = 256, LINE = 64 / sizeof(float) };

int is_deep(const Program *p) {
    const Layer *first = &p->layers[0];
    return first->kind == AFFINE && !is_large(first) && p->shares > 1 &&
           first->inputs >= p->shares * FEWEST_INPUTS;
}

/* Each cache line then has one owner, if rows begin at cache lines. */
static Part part_of_inputs(const Program *p, int share) {
    const Part lines = part_of((p->inputs + LINE - 1) / LINE, share, p->used);
    const int64_t from = lines.from * LINE, left = p->inputs - from, most = lines.count * LINE;
    return (Part){from, most < left ? most : left};
}

void pick_columns(Program *p, int i, int share) {
    (void)i;
    const Part columns = part_of_inputs(p, share);
    gather(p->x_stored, (const char *)p->source + columns.from * size_of(p->x_stored), p->indices,
           p->rows, columns.count, p->inputs, p->scale, p->values[0] + columns.from);
}

/* y += b. */
static void add_bias(const Program *p, const Layer *layer, float *y, int64_t rows, Part columns) {
    if (layer->bias >= 0)
        add_to_rows(y, p->params + layer->bias + columns.from, rows, columns.count, layer->outputs);
}

/* db = sum(dy), for some columns. */
static void sum_bias(const Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part columns = part_of(layer->outputs, share, p->used);
    if (layer->bias >= 0)
        sum_of_rows(p->slopes[i + 1] + columns.from, p->grads + layer->bias + columns.from,
                    p->rows, columns.count, layer->outputs);
}

/* y = x W + b. */
void forward_affine(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const int64_t in = layer->inputs, out = layer->outputs;
    const Part rows = part_of_rows(p, i, share), columns = part_of_columns(p, i, out, share);
    float *y = p->values[i + 1] + rows.from * out + columns.from;
    multiply(p, A_B, rows.count, columns.count, in, p->values[i] + rows.from * in, in,
             p->params + layer->weight + columns.from, out, y, out);
    add_bias(p, layer, y, rows.count, columns);
}

/* The array for the sum of a share over the numbers of all rows. */
static float *sums_of(const Program *p, int share) {
    return share ? p->sums + (share - 1) * p->batch * p->layers[0].outputs : p->values[1];
}

/* The sum of x W over a share's own inputs. */
void forward_deep(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part own = part_of_inputs(p, share);
    multiply(p, A_B, p->rows, layer->outputs, own.count, p->values[0] + own.from, layer->inputs,
             p->params + layer->weight + own.from * layer->outputs, layer->outputs,
             sums_of(p, share), layer->outputs);
}

/* y += the sums of all other shares, and b. */
void add_sums(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part rows = part_of(p->rows, share, p->used);
    const int64_t from = rows.from * layer->outputs, count = rows.count * layer->outputs;
    float *y = p->values[1] + from;
    for (int other = 1; other < p->used; other++) add(y, sums_of(p, other) + from, count);
    add_bias(p, layer, y, rows.count, (Part){0, layer->outputs});
}

/* dx = dy W^T. */
void backward_affine(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const int64_t in = layer->inputs, out = layer->outputs;
    const Part rows = part_of_rows(p, i, share), columns = part_of_columns(p, i, in, share);
    multiply(p, A_BT, rows.count, columns.count, out, p->slopes[i + 1] + rows.from * out, out,
             p->params + layer->weight + columns.from * out, out,
             p->slopes[i] + rows.from * in + columns.from, in);
}

/* dW = x^T dy and db = sum(dy), for some rows or columns of dW, whichever are more. */
void weights_of_affine(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const int64_t in = layer->inputs, out = layer->outputs;
    const Part some_in = in < out ? (Part){0, in} : part_of(in, share, p->used);
    const Part some_out = in < out ? part_of(out, share, p->used) : (Part){0, out};
    multiply(p, AT_B, some_in.count, some_out.count, p->rows, p->values[i] + some_in.from, in,
             p->slopes[i + 1] + some_out.from, out,
             p->grads + layer->weight + some_in.from * out + some_out.from, out);
    sum_bias(p, i, share);
}

void forward_sparse(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part rows = part_of(p->rows, share, p->used);
    float *y = p->values[i + 1] + rows.from * layer->outputs;
    sparse_forward(&layer->sparse[share], p->params + layer->weight, layer->outputs, y);
    add_bias(p, layer, y, rows.count, (Part){0, layer->outputs});
}

void weights_of_sparse(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    sparse_weights(layer->sparse, share, p->used, p->slopes[i + 1], layer->outputs,
                   p->grads + layer->weight);
    sum_bias(p, i, share);
}
