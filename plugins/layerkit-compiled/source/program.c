#include "program.h"

#include "lstm.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_MAJOR = 101, AS_IS = 111, TRANSPOSED = 112 }; /* of CBLAS */

/* Shares that hold fewer rows than this are not worth a thread. */
enum { FEWEST_ROWS = 8 };

static int has_parameters(const Layer *layer) {
    return layer->kind == AFFINE || layer->kind == SPARSE_AFFINE || layer->kind == LSTM;
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
    for (int i = 0; p->layers && i < p->layer_count; i++) {
        Layer *layer = &p->layers[i];
        lstm_free(&layer->lstm);
        for (int share = 0; layer->sparse && share < p->shares; share++)
            sparse_free(&layer->sparse[share]);
        free(layer->sparse);
    }
    free(p->values);
    free(p->slopes);
    places_free(&p->places);
    free(p->labels);
    free(p->indices);
    free(p->targets);
    free(p->sums);
    free(p->operations);
    free(p->layers);
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

/* Threads share the first product by columns of the examples, and add up the sums that each has
made of its own. Each then reads its own weights only, and the examples come from the memory of the
data in any case; by rows, copying all weights twice took 8% of a step of 784-50-10. */
enum { FEWEST_INPUTS = 256, LINE = 64 / sizeof(float) };

static int is_deep(const Program *p) {
    const Layer *first = &p->layers[0];
    return first->kind == AFFINE && !is_large(first) && p->shares > 1 &&
           first->inputs >= p->shares * FEWEST_INPUTS;
}

/* Lines of the cache have one owner each, where rows begin with a line. */
static Part part_of_inputs(const Program *p, int share) {
    const Part lines = part_of((p->inputs + LINE - 1) / LINE, share, p->used);
    const int64_t from = lines.from * LINE, left = p->inputs - from, most = lines.count * LINE;
    return (Part){from, most < left ? most : left};
}

/* The operations that a step is made of: the share of each that a thread does. */

static void pick_columns(Program *p, int i, int share) {
    (void)i;
    const Part columns = part_of_inputs(p, share);
    gather(p->x_stored, (const char *)p->source + columns.from * size_of(p->x_stored), p->indices,
           p->rows, columns.count, p->inputs, p->scale, p->values[0] + columns.from);
}

static void pick(Program *p, int i, int share) {
    const Part rows = part_of(p->rows, share, p->used);
    if (p->layers[i].kind == SPARSE_AFFINE)
        sparse_gather(&p->layers[i].sparse[share], p->known, p->x_stored, p->source,
                      p->indices + rows.from, rows.count, p->scale);
    else
        gather(p->x_stored, p->source, p->indices + rows.from, rows.count, p->inputs,
               p->inputs, p->scale, p->values[0] + rows.from * p->inputs);
}

/* y += b. */
static void add_bias(const Program *p, const Layer *layer, float *y, int64_t rows, Part columns) {
    if (layer->bias >= 0)
        add_to_rows(y, p->params + layer->bias + columns.from, rows, columns.count, layer->outputs);
}

/* db = sum(dy): some columns. */
static void sum_bias(const Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part columns = part_of(layer->outputs, share, p->used);
    if (layer->bias >= 0)
        sum_of_rows(p->slopes[i + 1] + columns.from, p->grads + layer->bias + columns.from,
                    p->rows, columns.count, layer->outputs);
}

/* y = x W + b. */
static void forward_affine(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const int64_t in = layer->inputs, out = layer->outputs;
    const Part rows = part_of_rows(p, i, share), columns = part_of_columns(p, i, out, share);
    float *y = p->values[i + 1] + rows.from * out + columns.from;
    multiply(p, A_B, rows.count, columns.count, in, p->values[i] + rows.from * in, in,
             p->params + layer->weight + columns.from, out, y, out);
    add_bias(p, layer, y, rows.count, columns);
}

/* Where the sum of a share goes, of the numbers of all rows. */
static float *sums_of(const Program *p, int share) {
    return share ? p->sums + (share - 1) * p->batch * p->layers[0].outputs : p->values[1];
}

/* The sum over a share's own inputs of y = x W. */
static void forward_deep(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part own = part_of_inputs(p, share);
    multiply(p, A_B, p->rows, layer->outputs, own.count, p->values[0] + own.from, layer->inputs,
             p->params + layer->weight + own.from * layer->outputs, layer->outputs,
             sums_of(p, share), layer->outputs);
}

/* y += the sums of all other shares, and b. */
static void add_sums(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part rows = part_of(p->rows, share, p->used);
    const int64_t from = rows.from * layer->outputs, count = rows.count * layer->outputs;
    float *y = p->values[1] + from;
    for (int other = 1; other < p->used; other++) add(y, sums_of(p, other) + from, count);
    add_bias(p, layer, y, rows.count, (Part){0, layer->outputs});
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
    const Part some_in = in < out ? (Part){0, in} : part_of(in, share, p->used);
    const Part some_out = in < out ? part_of(out, share, p->used) : (Part){0, out};
    multiply(p, AT_B, some_in.count, some_out.count, p->rows, p->values[i] + some_in.from, in,
             p->slopes[i + 1] + some_out.from, out,
             p->grads + layer->weight + some_in.from * out + some_out.from, out);
    sum_bias(p, i, share);
}

static void forward_sparse(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Part rows = part_of(p->rows, share, p->used);
    float *y = p->values[i + 1] + rows.from * layer->outputs;
    sparse_forward(&layer->sparse[share], p->params + layer->weight, layer->outputs, y);
    add_bias(p, layer, y, rows.count, (Part){0, layer->outputs});
}

static void weights_of_sparse(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    sparse_weights(layer->sparse, share, p->used, p->slopes[i + 1], layer->outputs,
                   p->grads + layer->weight);
    sum_bias(p, i, share);
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
                        : p->t_stored == INTS ? ((const Int *)p->t)[at]
                                              : ((const Long *)p->t)[at];
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
    if (p->loss == SOFTMAX_OF_PROBABILITIES) {
        float *t = p->targets + at;
        gather(p->t_stored, p->t, p->indices + rows.from, rows.count, width, width, 1, t);
        p->losses[share] = softmax_of_probabilities(y, dy, t, rows.count, width,
                                                    1.0f / (float)p->rows);
        return;
    }
    errors(p->t_stored, y, p->t, p->indices + rows.from, rows.count, width, dy);
    p->losses[share] = squares(dy, rows.count * width, 1.0f / (float)(p->rows * width));
}

/* What a layer of each kind does: on the way back first what the gradients of its weights take, then
the gradient with respect to its input. */
static const struct {
    Operate forward, inner, backward, weights;
} OF_KIND[] = {
    [AFFINE] = {forward_affine, NULL, backward_affine, weights_of_affine},
    [SPARSE_AFFINE] = {forward_sparse, NULL, NULL, weights_of_sparse},
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
    then(p, is_deep(p) ? pick_columns : pick, 0, 0);
    if (is_deep(p)) {
        then(p, forward_deep, 0, 0);
        then(p, add_sums, 0, 1);
    }
    for (int i = is_deep(p); i < p->layer_count; i++) {
        const int large = is_large(&p->layers[i]);
        then(p, OF_KIND[p->layers[i].kind].forward, i, large || meet);
        meet = large;
    }
    p->forward_count = p->operation_count;
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

/* A smaller batch may have fewer shares; of FEWEST_ROWS each, and what is left over. */
static int64_t most_rows_of_a_share(const Program *p) {
    const int64_t most = (p->batch + p->shares - 1) / p->shares;
    return most < 2 * FEWEST_ROWS ? 2 * FEWEST_ROWS : most;
}

static int prepare_layer(const Program *p, Layer *layer) {
    if (layer->kind == LSTM) return lstm_prepare(&layer->lstm, p->batch);
    if (layer->kind != SPARSE_AFFINE) return 1;
    layer->sparse = calloc((size_t)p->shares, sizeof *layer->sparse);
    if (!layer->sparse) return 0;
    for (int share = 0; share < p->shares; share++)
        if (!sparse_prepare(&layer->sparse[share], p->inputs, most_rows_of_a_share(p), p->batch))
            return 0;
    return 1;
}

int program_prepare(Program *p) {
    p->values = calloc((size_t)p->layer_count + 1, sizeof *p->values);
    p->slopes = calloc((size_t)p->layer_count + 1, sizeof *p->slopes);
    p->operations = calloc(4 * (size_t)p->layer_count + 3, sizeof *p->operations);
    if (!p->values || !p->slopes || !p->operations) return 0;
    plan(p);
    for (int i = 0; i <= p->layer_count; i++) {
        const int64_t inputs = p->layers[0].kind == SPARSE_AFFINE ? 0 : p->inputs;
        const int64_t width = i ? p->layers[i - 1].outputs : inputs;
        const int shared = i && is_in_place(p, i - 1);
        p->values[i] = shared ? p->values[i - 1] : floats(p->batch * width);
        p->slopes[i] = shared ? p->slopes[i - 1] : floats(p->batch * width);
        if (!p->values[i] || !p->slopes[i]) return 0;
        if (i && !prepare_layer(p, &p->layers[i - 1])) return 0;
    }
    p->labels = malloc((size_t)p->batch * sizeof *p->labels);
    p->indices = malloc((size_t)p->batch * sizeof *p->indices);
    p->targets = floats(p->loss == SOFTMAX_OF_PROBABILITIES ? p->batch * p->outputs : 0);
    p->sums = floats(is_deep(p) ? (p->shares - 1) * p->batch * p->layers[0].outputs : 0);
    if (!p->labels || !p->indices || !p->targets || !p->sums) return 0;
    if (p->layers[0].kind != SPARSE_AFFINE || !p->looks_once) return 1;
    /* Without the memory for them, zeros are looked for whenever an example is drawn. */
    p->has_places = places_find(&p->places, p->x_stored, p->x, p->examples, p->inputs);
    return 1;
}

static void share_of_stage(void *program, int share) {
    Program *p = program;
    for (int i = p->stage; i < p->stage_end; i++)
        p->operations[i].operate(p, p->operations[i].layer, share);
}

/* Do the first so many operations on a batch of the examples in `source`, in stages between which
threads meet. */
static void run(Program *p, int operations, const void *source, const Places *known, int64_t rows) {
    p->source = source;
    p->known = known;
    p->rows = rows;
    p->used = p->shares;
    while (p->used > 1 && rows < p->used * FEWEST_ROWS) p->used--;
    for (p->stage = 0; p->stage < operations; p->stage = p->stage_end) {
        p->stage_end = p->stage + 1;
        while (p->stage_end < operations && !p->operations[p->stage_end].meet) p->stage_end++;
        pool_run(share_of_stage, p, p->used);
    }
}

static const Places *places_of(const Program *p) { return p->has_places ? &p->places : NULL; }

static Verdict gradients(Program *p, const int64_t *indices, int64_t rows, double *loss,
                         int64_t *wrong) {
    /* Copied, because another thread may change them meanwhile. */
    memcpy(p->indices, indices, (size_t)rows * sizeof *indices);
    for (int64_t i = 0; i < rows; i++)
        if (p->indices[i] < 0 || p->indices[i] >= p->examples) {
            *wrong = p->indices[i];
            return WRONG_INDEX;
        }
    run(p, p->operation_count, p->x, places_of(p), rows);
    double sum = 0;
    for (int share = 0; share < p->used; share++) {
        sum += p->losses[share];
        if (p->loss == SOFTMAX_OF_LABELS && p->wrong_labels[share]) *wrong = p->wrong_labels[share];
    }
    /* layerkit adds losses up in float32: where that overflows, the loss is infinite. */
    if (fabs(sum) > FLT_MAX) sum *= INFINITY;
    *loss = sum / (double)(p->loss == MEAN_SQUARED_ERROR ? rows * p->outputs : rows);
    return *wrong ? WRONG_LABEL : RIGHT;
}

Verdict program_gradients(Program *p, const int64_t *indices, int64_t rows, double *loss,
                          int64_t *wrong) {
    *wrong = 0;
    if (atomic_flag_test_and_set(&p->is_busy)) return BUSY;
    const Verdict verdict = gradients(p, indices, rows, loss, wrong);
    atomic_flag_clear(&p->is_busy);
    return verdict;
}

Verdict program_outputs(Program *p, const void *x, int64_t rows, float *y) {
    if (atomic_flag_test_and_set(&p->is_busy)) return BUSY;
    const int64_t size = p->inputs * size_of(p->x_stored);
    const void *source = p->x;
    const Places *known = places_of(p);
    /* Of examples to train on it may be known where their zeros are; others are taken as they come,
    even those of which only a part is one to train on. */
    const uintptr_t begin = (uintptr_t)p->x, here = (uintptr_t)x;
    int64_t first = here < begin ? -1 : (int64_t)((here - begin) / (uintptr_t)size);
    if (first < 0 || (here - begin) % (uintptr_t)size || rows > p->examples - first) {
        source = x;
        known = NULL;
        first = 0;
    }
    for (int64_t from = 0; from < rows; from += p->batch) {
        const int64_t count = rows - from < p->batch ? rows - from : p->batch;
        for (int64_t i = 0; i < count; i++) p->indices[i] = first + from + i;
        run(p, p->forward_count, source, known, count);
        memcpy(y + from * p->outputs, p->values[p->layer_count],
               (size_t)(count * p->outputs) * sizeof *y);
    }
    atomic_flag_clear(&p->is_busy);
    return RIGHT;
}
