/* The loss: the sum over the examples of a share, and the gradient with respect to the output. */

#ifndef LAYERKIT_LOSS_H
#define LAYERKIT_LOSS_H

#include "layer.h"

void compare(Program *program, int layer, int share);

#endif
