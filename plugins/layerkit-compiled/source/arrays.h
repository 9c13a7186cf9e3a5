/* Arrays from Python: how their numbers are stored, whether they may be read or written, and whether
two of them share memory. A fault is an exception that says what was expected and what came. */

#ifndef LAYERKIT_ARRAYS_H
#define LAYERKIT_ARRAYS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "kernels.h"

/* Whether an array is written, and whether it may be unaligned. */
typedef enum { READ = 0, WRITTEN = 1, AT_ANY_BYTE = 2 } Use;

/* Get the memory of an array in C order; -1 if it is not an array, or is stored differently. */
int read_array(PyObject *object, const char *name, Stored stored, int use, Py_buffer *view);

void release(Py_buffer *views, int count);

/* Whether an array that is written shares memory with another; if so, set an exception. */
int overlap(const Py_buffer *written, const char *name, const Py_buffer *other,
            const char *other_name);

/* Read at least one and at most `most` indices of examples. */
int read_indices(PyObject *object, int64_t most, Py_buffer *view);

/* Read arrays of float32 of one length that share no memory. Those after the first `needed` may be
None, which gives NULL. */
int read_vectors(PyObject *const *arrays, const char *const *names, int count, int needed,
                 Py_buffer *views);

#endif
