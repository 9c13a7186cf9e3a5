/* A training step of a chain of layers: batch in, loss and gradients out.

Threads share it out twice. First the batch, by rows: each share goes through all layers and back,
and leaves the gradient with respect to each layer's output. Then the gradients of the weights, each
of which sums over the whole batch, by rows or columns of the weights. So threads meet twice in a
step, where one that went layer by layer would have them meet at every product. They meet once more
where it is worth sharing a product by columns; see is_large and is_deep. */

#ifndef LAYERKIT_PROGRAM_H
#define LAYERKIT_PROGRAM_H

#include "layer.h"

/* Set up the memory for batches of so many examples; 0 if there is none. */
int program_prepare(Program *program);

/* What may be wrong with a batch. */
typedef enum { RIGHT, WRONG_INDEX, WRONG_LABEL, BUSY } Verdict;

/* Set the mean loss over the examples of these indices, and grads. An index or a label that is out
of bounds is `wrong`. */
Verdict program_gradients(Program *program, const int64_t *indices, int64_t rows, double *loss,
                          int64_t *wrong);

/* Set y to the outputs for so many examples, stored as those of the program are. */
Verdict program_outputs(Program *program, const void *x, int64_t rows, float *y);

void program_free(Program *program);

#endif
