#include "lstm.h"

#include <stdlib.h>
#include <string.h>

/* The length of [x h 1]. */
static int64_t width_of(const Lstm *l) { return l->features + l->units + 1; }

static int64_t gates_of(const Lstm *l) { return 4 * l->units; }

int lstm_prepare(Lstm *l, int64_t batch) {
    const int64_t rows = l->steps * batch;
    l->inputs = floats(rows * width_of(l));
    l->gates = floats(rows * gates_of(l));
    l->cells = floats((rows + batch) * l->units);
    l->tanh_cells = floats(rows * l->units);
    l->dh = floats(batch * l->units);
    l->dc = floats(batch * l->units);
    return l->inputs && l->gates && l->cells && l->tanh_cells && l->dh && l->dc;
}

void lstm_free(Lstm *l) {
    float *const memory[] = {l->inputs, l->gates, l->cells, l->tanh_cells, l->dh, l->dc};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; i++) free(memory[i]);
}

/* The position in an example of the step that is processed as number `step`. */
static int64_t place_of(const Lstm *l, int64_t step) {
    return l->is_reverse ? l->steps - 1 - step : step;
}

static void set_to_zero(float *numbers, int64_t count) {
    memset(numbers, 0, (size_t)count * sizeof *numbers);
}

static void copy(float *to, const float *from, int64_t count) {
    memcpy(to, from, (size_t)count * sizeof *to);
}

/* Write x and the 1 of [x h 1] for all steps of some examples, and h = 0 for the first step. */
static void arrange(const Lstm *l, const float *x, Part rows, int64_t batch) {
    const int64_t width = width_of(l);
    for (int64_t step = 0; step < l->steps; step++) {
        float *input = l->inputs + (step * batch + rows.from) * width;
        const float *now = x + (rows.from * l->steps + place_of(l, step)) * l->features;
        for (int64_t i = 0; i < rows.count; i++, input += width, now += l->steps * l->features) {
            copy(input, now, l->features);
            if (!step) set_to_zero(input + l->features, l->units);
            input[width - 1] = 1;
        }
    }
}

void forward_lstm(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Lstm *l = &layer->lstm;
    const int64_t width = width_of(l), units = l->units, gates = gates_of(l);
    const Part rows = part_of(p->rows, share, p->used);
    arrange(l, p->values[i], rows, p->rows);
    set_to_zero(l->cells + rows.from * units, rows.count * units);
    for (int64_t step = 0; step < l->steps; step++) {
        const int64_t at = step * p->rows + rows.from;
        const int is_last = step == l->steps - 1;
        multiply(p, A_B, rows.count, gates, width, l->inputs + at * width, width,
                 p->params + layer->weight, gates, l->gates + at * gates, gates);
        for (int64_t j = 0; j < rows.count; j++) {
            float *y = p->values[i + 1] + (rows.from + j) * layer->outputs;
            if (l->returns_sequence) y += place_of(l, step) * units;
            float *h = is_last ? y : l->inputs + (at + p->rows + j) * width + l->features;
            lstm_states(l->gates + (at + j) * gates, l->cells + (at + j) * units, units,
                        l->cells + (at + p->rows + j) * units, l->tanh_cells + (at + j) * units, h);
            if (l->returns_sequence && !is_last) copy(y, h, units);
        }
    }
}

void through_time_lstm(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Lstm *l = &layer->lstm;
    const int64_t units = l->units, gates = gates_of(l);
    const Part rows = part_of(p->rows, share, p->used);
    const float *U = p->params + layer->weight + l->features * gates;
    const float *dy = p->slopes[i + 1] + rows.from * layer->outputs;
    float *dh = l->dh + rows.from * units, *dc = l->dc + rows.from * units;
    set_to_zero(dc, rows.count * units);
    for (int64_t step = l->steps - 1; step >= 0; step--) {
        const int64_t at = step * p->rows + rows.from;
        const int is_last = step == l->steps - 1;
        float *dz = l->gates + at * gates;
        if (is_last)
            set_to_zero(dh, rows.count * units);
        else
            multiply(p, A_BT, rows.count, units, gates, dz + p->rows * gates, gates, U, gates, dh,
                     units);
        for (int64_t j = 0; j < rows.count; j++) {
            const float *dout = dy + j * layer->outputs;
            if (l->returns_sequence) dout += place_of(l, step) * units;
            if (l->returns_sequence || is_last) add_to_rows(dh + j * units, dout, 1, units, units);
            lstm_states_back(dz + j * gates, l->cells + (at + j) * units,
                             l->tanh_cells + (at + j) * units, dh + j * units, units,
                             dc + j * units);
        }
    }
}

/* dx = dz W^T. */
void backward_lstm(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Lstm *l = &layer->lstm;
    const int64_t gates = gates_of(l);
    const Part rows = part_of(p->rows, share, p->used);
    for (int64_t step = 0; step < l->steps; step++)
        multiply(p, A_BT, rows.count, l->features, gates,
                 l->gates + (step * p->rows + rows.from) * gates, gates,
                 p->params + layer->weight, gates,
                 p->slopes[i] + rows.from * layer->inputs + place_of(l, step) * l->features,
                 layer->inputs);
}

/* dV = [x h 1]^T dz, for some of its columns. */
void weights_of_lstm(Program *p, int i, int share) {
    const Layer *layer = &p->layers[i];
    const Lstm *l = &layer->lstm;
    const int64_t width = width_of(l), gates = gates_of(l);
    const Part columns = part_of(gates, share, p->used);
    multiply(p, AT_B, width, columns.count, l->steps * p->rows, l->inputs, width,
             l->gates + columns.from, gates, p->grads + layer->weight + columns.from, gates);
}
