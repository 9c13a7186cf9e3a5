/* The shares of affine layers, y = x W + b, for dense and for sparse inputs. */

#ifndef LAYERKIT_AFFINE_H
#define LAYERKIT_AFFINE_H

#include "layer.h"

/* Whether a layer has so many weights that threads share its products by columns of the result, and
not by rows. By columns each thread reads only its own weights; by rows each would read all of them,
and copy them into the order that products use. But threads must meet before and after. */
int is_large(const Layer *layer);

/* Whether threads share the first product by columns of the examples, and then add up their sums.
Each then reads only its own weights, and the examples come from the memory of the data in any case.
By rows, copying all weights twice took 8% of a step of 784-50-10. */
int is_deep(const Program *program);

/* Gather the share's columns of the examples, for a deep first layer. */
void pick_columns(Program *program, int layer, int share);

void forward_affine(Program *program, int layer, int share);
void backward_affine(Program *program, int layer, int share);
void weights_of_affine(Program *program, int layer, int share);

/* First the sum of x W over a share's own inputs, and then y, the total over all shares. */
void forward_deep(Program *program, int layer, int share);
void add_sums(Program *program, int layer, int share);

void forward_sparse(Program *program, int layer, int share);
void weights_of_sparse(Program *program, int layer, int share);

#endif
