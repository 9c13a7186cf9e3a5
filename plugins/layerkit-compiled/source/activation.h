/* Activations, which work in place if the layer before does not need its output. */

#ifndef LAYERKIT_ACTIVATION_H
#define LAYERKIT_ACTIVATION_H

#include "layer.h"

void activate(Program *program, int layer, int share);
void activate_back(Program *program, int layer, int share);

#endif
