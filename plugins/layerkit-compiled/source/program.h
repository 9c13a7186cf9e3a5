/* A training step of a chain of layers: batch in, loss and gradients out.

Threads share the work twice. First they share the batch, by rows: each share passes through all
layers and back, and leaves the gradient with respect to each layer's output. Then they share the
gradients of the weights, each of which sums over the whole batch, by rows or columns of the
weights. So threads meet twice in a step; layer by layer, they would meet at every product. They
meet once more if it is worth sharing a product by columns; see is_large and is_deep. */

#ifndef LAYERKIT_PROGRAM_H
#define LAYERKIT_PROGRAM_H

#include "layer.h"

/* Allocate the memory for batches; 0 if there is none. */
int program_prepare(Program *program);

/* The possible faults of a batch. */
typedef enum { RIGHT, WRONG_INDEX, WRONG_LABEL, BUSY } Verdict;

/* Set the mean loss over the examples of these indices, and grads. An index or a label that is out
of range is returned in `wrong`. */
Verdict program_gradients(Program *program, const int64_t *indices, int64_t rows, double *loss,
                          int64_t *wrong);

/* Set y to the outputs for `rows` examples, which are stored like those of the program. */
Verdict program_outputs(Program *program, const void *x, int64_t rows, float *y);

void program_free(Program *program);

#endif
