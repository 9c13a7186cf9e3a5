/* What comes from Python, checked before a number of it is read: what is wrong is an exception that
says what was expected and what came, whoever calls. */

#ifndef LAYERKIT_ARGUMENTS_H
#define LAYERKIT_ARGUMENTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "program.h"

/* Whether an array is written, and whether its numbers may begin at any byte. */
typedef enum { READ = 0, WRITTEN = 1, AT_ANY_BYTE = 2 } Use;

/* Get the memory of an array in C order; -1 if it is none, or not stored so. */
int read_array(PyObject *object, const char *name, Stored stored, int use, Py_buffer *view);

void release(Py_buffer *views, int count);

/* Whether an array that is written shares memory with another, which is an exception. */
int overlap(const Py_buffer *written, const char *name, const Py_buffer *other,
            const char *other_name);

int is_finite(double value, const char *name);

/* From 1 to so many indices of examples. */
int read_indices(PyObject *object, int64_t most, Py_buffer *view);

/* Arrays of float32 of one length that share no memory; None gives NULL for those that are not needed. */
int read_vectors(PyObject *const *arrays, const char *const *names, int count, int needed,
                 Py_buffer *views);

/* The arrays that a program keeps. */
enum { PARAMS, GRADS, X, T, ARRAYS };

int read_program(PyObject *args, PyObject *keywords, Program *program, Py_buffer *views);

#endif
