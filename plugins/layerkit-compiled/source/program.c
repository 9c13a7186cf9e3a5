#include "program.h"

#include "activation.h"
#include "affine.h"
#include "loss.h"
#include "lstm.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shares with fewer rows than this are not worth a thread. */
enum { FEWEST_ROWS = 8 };

/* Whether a layer overwrites its input: an activation does if the layer before does not need it. */
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

/* Gather the examples of a share. */
static void pick(Program *p, int i, int share) {
    const Part rows = part_of(p->rows, share, p->used);
    if (p->layers[i].kind == SPARSE_AFFINE)
        sparse_gather(&p->layers[i].sparse[share], p->known, p->x_stored, p->source,
                      p->indices + rows.from, rows.count, p->scale);
    else
        gather(p->x_stored, p->source, p->indices + rows.from, rows.count, p->inputs,
               p->inputs, p->scale, p->values[0] + rows.from * p->inputs);
}

/* The operations of each kind of layer. The backward pass first prepares the gradients of its
weights, and then computes the gradient with respect to its input. */
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

/* Append an operation; if `meet`, all threads must first have done the earlier ones. */
static void then(Program *p, Operate operate, int layer, int meet) {
    p->operations[p->operation_count++] = (Operation){operate, layer, meet};
}

static void plan(Program *p) {
    int meet = 0, trained = 0; /* the first layer with parameters, where the backward pass ends */
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

/* A smaller batch may have fewer shares, of at least FEWEST_ROWS rows each. */
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
    /* Without memory for the positions, zeros are searched whenever an example is drawn. */
    p->has_places = places_find(&p->places, p->x_stored, p->x, p->examples, p->inputs);
    return 1;
}

static void share_of_stage(void *program, int share) {
    Program *p = program;
    for (int i = p->stage; i < p->stage_end; i++)
        p->operations[i].operate(p, p->operations[i].layer, share);
}

/* Do the first operations on a batch of the examples in `source`, in stages between which threads
meet. */
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
    /* Copied, because another thread may change them during the step. */
    memcpy(p->indices, indices, (size_t)rows * sizeof *indices);
    for (int64_t i = 0; i < rows; i++)
        if (p->indices[i] < 0 || p->indices[i] >= p->examples) {
            *wrong = p->indices[i];
            return WRONG_INDEX;
        }
    p->weight = p->weights ? 0 : (double)rows;
    for (int64_t i = 0; p->weights && i < rows; i++) p->weight += (double)p->weights[p->indices[i]];
    if (p->loss == MEAN_SQUARED_ERROR) p->weight *= (double)p->outputs;
    p->of_mean = p->weight ? 1.0f / (float)p->weight : 0;
    run(p, p->operation_count, p->x, places_of(p), rows);
    double sum = 0;
    for (int share = 0; share < p->used; share++) {
        sum += p->losses[share];
        if (p->loss == SOFTMAX_OF_LABELS && p->wrong_labels[share]) *wrong = p->wrong_labels[share];
    }
    /* layerkit adds losses up in float32: if that overflows, the loss is infinite. */
    if (fabs(sum) > FLT_MAX) sum *= INFINITY;
    *loss = p->weight ? sum / p->weight : 0;
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
    /* The zeros of training examples may be known. Other examples are searched, even if they
    overlap the training examples only in part. */
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
