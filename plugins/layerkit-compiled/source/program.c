#include "program.h"

#include "lstm.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 }; /* of CBLAS */

/* Shares that hold fewer rows than this are not worth a thread. */
enum { FEWEST_ROWS = 8 };

/* Begin where cache lines and vector registers begin. */
static void *aligned(int64_t size) {
    void *memory = NULL;
    return posix_memalign(&memory, 64, (size_t)(size ? size : 1)) ? NULL : memory;
}

float *floats(int64_t count) { return aligned(count * (int64_t)sizeof(float)); }

static int has_parameters(const Layer *layer) {
    return layer->kind == AFFINE || layer->kind == LSTM;
}

/* Whether a layer overwrites its input: an activation that of a layer that does not need it. */
static int is_in_place(const Program *p, int i) {
    return !has_parameters(&p->layers[i]) && (!i || has_parameters(&p->layers[i - 1]));
}

void program_free(Program *p) {
    for (int i = 0; p->values && p->slopes && i <= p->layer_count; i++) {
        if (i && p->values[i] == p->values[i - 1]) continue;
        free(p->values[i]);
        free(p->slopes[i]);
    }
    for (int i = 0; p->layers && i < p->layer_count; i++) lstm_free(&p->layers[i].lstm);
    free(p->values);
    free(p->slopes);
    free(p->labels);
    free(p->targets);
    free(p->operations);
    free(p->layers);
}

Part part_of(int64_t things, int share, int shares) {
    const int64_t from = things * share / shares;
    return (Part){from, things * (share + 1) / shares - from};
}

void multiply(const Program *p, Product product, int64_t m, int64_t n, int64_t k, const float *a,
              int64_t a_stride, const float *b, int64_t b_stride, float *c, int64_t c_stride) {
    p->blas.sgemm(ROW_MAJOR, product == AT_B ? TRANSPOSED : AS_IS,
                  product == A_BT ? TRANSPOSED : AS_IS, m, n, k, 1, a, a_stride, b, b_stride, 0, c,
                  c_stride);
}

/* Threads share the products of a layer with so many weights by columns of the result, and not by
rows. Each then reads its own weights only, where by rows each would read all of them, and copy them
into the order in which products take them; but threads must meet before and after. */
enum { LARGE = 1 << 17 };

static int is_large(const Layer *layer) {
    return layer->kind == AFFINE && layer->inputs * layer->outputs >= LARGE;
}

static Part part_of_rows(const Program *p, int i, int share) {
    return is_large(&p->layers[i]) ? (Part){0, p->rows} : part_of(p->rows, share, p->used);
}

static Part part_of_columns(const Program *p, int i, int64_t columns, int share) {
    return is_large(&p->layers[i]) ? part_of(columns, share, p->used) : (Part){0, columns};
}

/* The operations that a step is made of: the share of each that a thread does. */

static void pick(Program *p, int i, int share) {
    (void)i;
    const Part rows = part_of(p->rows, share, p->used);
    gather(p->x_stored, p->x, p->indices + rows.from, rows.count, p->inputs, p->scale,
           p->values[0] + rows.from * p->inputs);
}

/* y = x W + b. */
static void forward_affine(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const int64_t in = layer->inputs, out = layer->outputs;
    const Part rows = part_of_rows(p, i, share), columns = part_of_columns(p, i, out, share);
    float *y = p->values[i + 1] + rows.from * out + columns.from;
    multiply(p, A_B, rows.count, columns.count, in, p->values[i] + rows.from * in, in,
             p->params + layer->weight + columns.from, out, y, out);
    if (layer->bias >= 0)
        add_to_rows(y, p->params + layer->bias + columns.from, rows.count, columns.count, out);
}

/* dx = dy W^T. */
static void backward_affine(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const int64_t in = layer->inputs, out = layer->outputs;
    const Part rows = part_of_rows(p, i, share), columns = part_of_columns(p, i, in, share);
    multiply(p, A_BT, rows.count, columns.count, out, p->slopes[i + 1] + rows.from * out, out,
             p->params + layer->weight + columns.from * out, out,
             p->slopes[i] + rows.from * in + columns.from, in);
}

/* dW = x^T dy and db = sum(dy): of dW some rows or columns, whichever there are more of. */
static void weights_of_affine(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const int64_t in = layer->inputs, out = layer->outputs;
    const Part columns = part_of(out, share, p->used);
    const Part some_in = in < out ? (Part){0, in} : part_of(in, share, p->used);
    const Part some_out = in < out ? columns : (Part){0, out};
    const float *dy = p->slopes[i + 1];
    multiply(p, AT_B, some_in.count, some_out.count, p->rows, p->values[i] + some_in.from, in,
             dy + some_out.from, out, p->grads + layer->weight + some_in.from * out + some_out.from,
             out);
    if (layer->bias >= 0)
        sum_of_rows(dy + columns.from, p->grads + layer->bias + columns.from, p->rows,
                    columns.count, out);
}

/* y = f(x). */
static void activate(Program *p, int i, int share) {
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
static void activate_back(Program *p, int i, int share) {
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

static void gather_labels(Program *p, int share, Part rows) {
    p->wrong_labels[share] = 0;
    for (int64_t i = rows.from; i < rows.from + rows.count; i++) {
        const int64_t at = p->indices[i];
        int64_t label = p->t_stored == BYTES  ? ((const uint8_t *)p->t)[at]
                        : p->t_stored == INTS ? ((const int32_t *)p->t)[at]
                                              : ((const int64_t *)p->t)[at];
        if (label < 0 || label >= p->outputs) p->wrong_labels[share] = label, label = 0;
        p->labels[i] = label;
    }
}

static void compare(Program *p, int i, int share) {
    (void)i;
    const Part rows = part_of(p->rows, share, p->used);
    const int64_t width = p->outputs, at = rows.from * width;
    const float *y = p->values[p->layer_count] + at;
    float *dy = p->slopes[p->layer_count] + at;
    if (p->loss == SOFTMAX_OF_LABELS) {
        gather_labels(p, share, rows);
        p->losses[share] = softmax_of_labels(y, dy, p->labels + rows.from, rows.count, width,
                                             1.0f / (float)p->rows);
        return;
    }
    const float *t = p->targets + at;
    gather(p->t_stored, p->t, p->indices + rows.from, rows.count, width, 1, p->targets + at);
    if (p->loss == SOFTMAX_OF_PROBABILITIES)
        p->losses[share] = softmax_of_probabilities(y, dy, t, rows.count, width,
                                                    1.0f / (float)p->rows);
    else
        p->losses[share] = squared_error(y, t, dy, rows.count * width,
                                         1.0f / (float)(p->rows * width)) / (double)width;
}

/* What a layer of each kind does: on the way back first what the gradients of its weights take, then
the gradient by its input. */
static const struct {
    Operate forward, inner, backward, weights;
} OF_KIND[] = {
    [AFFINE] = {forward_affine, NULL, backward_affine, weights_of_affine},
    [RELU] = {activate, NULL, activate_back, NULL},
    [SIGMOID] = {activate, NULL, activate_back, NULL},
    [TANH] = {activate, NULL, activate_back, NULL},
    [LSTM] = {forward_lstm, through_time_lstm, backward_lstm, weights_of_lstm},
};

/* Append an operation; all threads must have done those before it if `meet`. */
static void then(Program *p, Operate operate, int layer, int meet) {
    p->operations[p->operation_count++] = (Operation){operate, layer, meet};
}

static void plan(Program *p) {
    int meet = 0, trained = 0; /* the first layer with parameters, where the way back ends */
    while (trained < p->layer_count && !has_parameters(&p->layers[trained])) trained++;
    then(p, pick, 0, 0);
    for (int i = 0; i < p->layer_count; i++) {
        const int large = is_large(&p->layers[i]);
        then(p, OF_KIND[p->layers[i].kind].forward, i, large || meet);
        meet = large;
    }
    then(p, compare, 0, meet);
    meet = 0;
    for (int i = p->layer_count - 1; i >= trained; i--) {
        const Kind kind = p->layers[i].kind;
        const int large = is_large(&p->layers[i]);
        if (OF_KIND[kind].inner) then(p, OF_KIND[kind].inner, i, meet), meet = 0;
        if (i > trained) then(p, OF_KIND[kind].backward, i, large || meet), meet = large;
    }
    meet = 1;
    for (int i = p->layer_count - 1; i >= trained; i--) {
        if (!has_parameters(&p->layers[i])) continue;
        then(p, OF_KIND[p->layers[i].kind].weights, i, meet);
        meet = 0;
    }
}

int program_prepare(Program *p) {
    p->values = calloc((size_t)p->layer_count + 1, sizeof *p->values);
    p->slopes = calloc((size_t)p->layer_count + 1, sizeof *p->slopes);
    p->operations = calloc(4 * (size_t)p->layer_count + 2, sizeof *p->operations);
    if (!p->values || !p->slopes || !p->operations) return 0;
    plan(p);
    for (int i = 0; i <= p->layer_count; i++) {
        const int64_t width = i ? p->layers[i - 1].outputs : p->inputs;
        const int shared = i && is_in_place(p, i - 1);
        p->values[i] = shared ? p->values[i - 1] : floats(p->batch * width);
        p->slopes[i] = shared ? p->slopes[i - 1] : floats(p->batch * width);
        if (!p->values[i] || !p->slopes[i]) return 0;
        if (i && p->layers[i - 1].kind == LSTM && !lstm_prepare(&p->layers[i - 1].lstm, p->batch))
            return 0;
    }
    p->labels = aligned(p->batch * (int64_t)sizeof *p->labels);
    p->targets = floats(p->loss == SOFTMAX_OF_LABELS ? 0 : p->batch * p->outputs);
    return p->labels && p->targets;
}

static void share_of_stage(void *program, int share) {
    Program *p = program;
    for (int i = p->stage; i < p->stage_end; i++)
        p->operations[i].operate(p, p->operations[i].layer, share);
}

/* Do all operations, in stages between which threads meet. */
static void run(Program *p) {
    for (p->stage = 0; p->stage < p->operation_count; p->stage = p->stage_end) {
        p->stage_end = p->stage + 1;
        while (p->stage_end < p->operation_count && !p->operations[p->stage_end].meet)
            p->stage_end++;
        pool_run(share_of_stage, p, p->used);
    }
}

/* While shares have the cores, one each, a product has one thread. That is one setting of the whole
process, where other threads may be training: the first to come sets it, and the last to go puts back
what was. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sharing, threads_before;

static void begin_sharing(const Blas *blas) {
    pthread_mutex_lock(&lock);
    if (!sharing++ && (threads_before = blas->get_threads()) > 1) blas->set_threads(1);
    pthread_mutex_unlock(&lock);
}

static void end_sharing(const Blas *blas) {
    pthread_mutex_lock(&lock);
    if (!--sharing && threads_before > 1) blas->set_threads(threads_before);
    pthread_mutex_unlock(&lock);
}

int program_gradients(Program *p, const int64_t *indices, int64_t rows, double *loss,
                      int64_t *wrong) {
    p->indices = indices;
    p->rows = rows;
    p->used = p->shares;
    while (p->used > 1 && rows < p->used * FEWEST_ROWS) p->used--;
    if (p->used > 1) begin_sharing(&p->blas);
    run(p);
    if (p->used > 1) end_sharing(&p->blas);
    *loss = 0;
    *wrong = 0;
    for (int share = 0; share < p->used; share++) {
        *loss += p->losses[share] / (double)rows;
        if (p->loss == SOFTMAX_OF_LABELS && p->wrong_labels[share]) *wrong = p->wrong_labels[share];
    }
    return !*wrong;
}
