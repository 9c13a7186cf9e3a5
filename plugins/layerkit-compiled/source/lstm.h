/* A long short-term memory: z = x W + h U + b at each step, of which the gates i, f, o are the
sigmoids and g is the tanh, c' = f c + i g and h' = o tanh(c').

W, U and b lie one after the other in the vector of parameters, so that they are one matrix V, and
z = [x h 1] V one product. The arrays of a layer have the steps as their first axis and the batch as
their second, so that what a product takes at a step lies together, and the gradient with respect to
V, which sums over steps and batch, is one product too. */

#ifndef LAYERKIT_LSTM_H
#define LAYERKIT_LSTM_H

#include "layer.h"

/* Set up the memory of a layer for batches of so many examples; 0 if there is none. */
int lstm_prepare(Lstm *lstm, int64_t batch);
void lstm_free(Lstm *lstm);

void forward_lstm(Program *program, int layer, int share);

/* Go back through the steps: gates becomes the gradient with respect to z. */
void through_time_lstm(Program *program, int layer, int share);

void backward_lstm(Program *program, int layer, int share);
void weights_of_lstm(Program *program, int layer, int share);

#endif
