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

/* Return the sum of the losses of some rows, and set the gradient with respect to their outputs,
if each of their losses has this share in the mean. Their targets were gathered before. */
static double loss_of(Program *p, Part rows, float share) {
    const int64_t width = p->outputs, at = rows.from * width;
    const float *y = p->values[p->layer_count] + at;
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
    if (!p->weights) {
        p->losses[share] = loss_of(p, rows, p->of_mean);
        return;
    }
    double loss = 0;
    for (int64_t row = 0; row < rows.count; row++) {
        const float weight = p->weights[indices[row]];
        loss += (double)weight * loss_of(p, (Part){rows.from + row, 1}, weight * p->of_mean);
    }
    p->losses[share] = loss;
}
