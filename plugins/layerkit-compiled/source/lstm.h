/* A long short-term memory. At each step z = x W + h U + b; the gates i, f, o are sigmoids of parts
of z, and g is the tanh of the rest; c' = f c + i g and h' = o tanh(c').

W, U and b follow each other in the vector of parameters, so they form one matrix V, and z = [x h 1]
V is one product. The arrays of a layer have the steps as their first axis and the batch as their
second, so the operands of a step are contiguous, and the gradient with respect to V, which sums
over steps and batch, is one product too. */

#ifndef LAYERKIT_LSTM_H
#define LAYERKIT_LSTM_H

#include "layer.h"

/* Allocate the memory of a layer for batches of up to `batch` examples; 0 if there is none. */
int lstm_prepare(Lstm *lstm, int64_t batch);
void lstm_free(Lstm *lstm);

void forward_lstm(Program *program, int layer, int share);

/* Go back through the steps; gates becomes the gradient with respect to z. */
void through_time_lstm(Program *program, int layer, int share);

void backward_lstm(Program *program, int layer, int share);
void weights_of_lstm(Program *program, int layer, int share);

#endif
