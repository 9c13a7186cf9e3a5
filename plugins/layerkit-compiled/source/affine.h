/* Affine layers, y = x W + b, of inputs as they come and of sparse ones: what each share does. */

#ifndef LAYERKIT_AFFINE_H
#define LAYERKIT_AFFINE_H

#include "layer.h"

/* Threads share the products of a layer with so many weights by columns of the result, and not by
rows. Each then reads its own weights only, where by rows each would read all of them, and copy them
into the order in which products take them; but threads must meet before and after. */
int is_large(const Layer *layer);

/* Threads share the first product by columns of the examples, and add up the sums that each has
made of its own. Each then reads its own weights only, and the examples come from the memory of the
data in any case; by rows, copying all weights twice took 8% of a step of 784-50-10. */
int is_deep(const Program *program);

/* Gather the share's columns of the examples; for a first layer that is deep. */
void pick_columns(Program *program, int layer, int share);

void forward_affine(Program *program, int layer, int share);
void backward_affine(Program *program, int layer, int share);
void weights_of_affine(Program *program, int layer, int share);

/* The sum over a share's own inputs of y = x W, and then y, which adds up those of all shares. */
void forward_deep(Program *program, int layer, int share);
void add_sums(Program *program, int layer, int share);

void forward_sparse(Program *program, int layer, int share);
void weights_of_sparse(Program *program, int layer, int share);

#endif
