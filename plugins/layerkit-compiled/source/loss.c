#include "loss.h"

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

/* The part of a row's losses in the mean over the batch. */
static float part_in_mean(const Program *p, int64_t row) {
    const int64_t numbers = p->loss == MEAN_SQUARED_ERROR ? p->outputs : 1;
    if (!p->weights) return 1.0f / (float)(p->rows * numbers);
    const double weight = (double)p->weights[p->indices[row]];
    return p->weight ? (float)(weight / (p->weight * (double)numbers)) : 0;
}

/* Return the sum of the losses of rows that have the same part in the mean, and set the gradient
with respect to their outputs. Their targets were gathered before. */
static double loss_of(Program *p, Part rows) {
    const int64_t width = p->outputs, at = rows.from * width;
    const float *y = p->values[p->layer_count] + at;
    const float share = part_in_mean(p, rows.from);
    float *dy = p->slopes[p->layer_count] + at;
    if (p->loss == SOFTMAX_OF_LABELS)
        return softmax_of_labels(y, dy, p->labels + rows.from, rows.count, width, share);
    if (p->loss == SOFTMAX_OF_PROBABILITIES)
        return softmax_of_probabilities(y, dy, p->targets + at, rows.count, width, share);
    return squares(dy, rows.count * width, share);
}

void compare(Program *p, int i, int share) {
    (void)i;
    const Part rows = part_of(p->rows, share, p->used);
    const int64_t width = p->outputs, at = rows.from * width, *indices = p->indices + rows.from;
    if (p->loss == SOFTMAX_OF_LABELS)
        gather_labels(p, share, rows);
    else if (p->loss == SOFTMAX_OF_PROBABILITIES)
        gather(p->t_stored, p->t, indices, rows.count, width, width, 1, p->targets + at);
    else
        errors(p->t_stored, p->values[p->layer_count] + at, p->t, indices, rows.count, width,
               p->slopes[p->layer_count] + at);
    p->losses[share] = p->weights ? 0 : loss_of(p, rows);
    for (int64_t row = 0; p->weights && row < rows.count; row++) {
        const Part one = {rows.from + row, 1};
        p->losses[share] += (double)p->weights[indices[row]] * loss_of(p, one);
    }
}
