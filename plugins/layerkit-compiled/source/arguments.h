/* Checks of the arguments of a program, before any number is read. A fault is an exception that says
what was expected and what came. */

#ifndef LAYERKIT_ARGUMENTS_H
#define LAYERKIT_ARGUMENTS_H

#include "arrays.h"
#include "program.h"

int is_finite(double value, const char *name);

/* The arrays that a program keeps. */
enum { PARAMS, GRADS, X, T, WEIGHTS, ARRAYS };

int read_program(PyObject *args, PyObject *keywords, Program *program, Py_buffer *views);

#endif
