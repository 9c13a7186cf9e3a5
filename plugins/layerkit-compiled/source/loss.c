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

void compare(Program *p, int i, int share) {
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
