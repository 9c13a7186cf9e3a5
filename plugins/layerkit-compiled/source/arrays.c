#include "arrays.h"

#include <string.h>

static const char *const STORED[] = {"uint8", "int32", "int64", "float32", "float64"};

static int is_stored_as(const Py_buffer *view, Stored stored) {
    static const char *const codes[] = {"B", "il", "ql", "f", "d"};
    const char *format = view->format ? view->format : "B";
    const uint16_t one = 1;
    const char native = *(const uint8_t *)&one ? '<' : '>';
    if (*format == '@' || *format == '=' || *format == native) format++;
    return *format && !format[1] && strchr(codes[stored], *format) &&
           view->itemsize == size_of(stored);
}

/* Raise the exception of another function again, with the name of the argument in front. */
static void name_argument(const char *name, Stored stored) {
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    PyObject *raised = PyErr_GivenExceptionMatches(kind, PyExc_TypeError) ? PyExc_TypeError
                                                                          : PyExc_ValueError;
    PyErr_Format(raised, "%s must be an array of %s in C order: %S", name, STORED[stored],
                 value ? value : kind);
    Py_XDECREF(kind);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

static int get_memory(PyObject *object, const char *name, Stored stored, int use, Py_buffer *view) {
    const int flags = (use & WRITTEN ? PyBUF_CONTIG : PyBUF_CONTIG_RO) | PyBUF_FORMAT;
    if (!PyObject_GetBuffer(object, view, flags)) return 0;
    view->obj = NULL;
    name_argument(name, stored);
    return -1;
}

static int is_aligned(const Py_buffer *view) {
    return !((uintptr_t)view->buf % (uintptr_t)view->itemsize);
}

int read_array(PyObject *object, const char *name, Stored stored, int use, Py_buffer *view) {
    if (get_memory(object, name, stored, use, view)) return -1;
    if (!is_stored_as(view, stored))
        PyErr_Format(PyExc_TypeError, "%s must be an array of %s, got one of format \"%s\" of %zd bits",
                     name, STORED[stored], view->format ? view->format : "B", 8 * view->itemsize);
    else if (!(use & AT_ANY_BYTE) && !is_aligned(view))
        PyErr_Format(PyExc_ValueError, "%s must begin at a multiple of %zd bytes, as a copy of it "
                     "would, got an array that does not", name, view->itemsize);
    else
        return 0;
    release(view, 1);
    return -1;
}

int read_indices(PyObject *object, int64_t most, Py_buffer *view) {
    if (get_memory(object, "indices", LONGS, READ, view)) return -1;
    const int64_t count = view->len / (view->itemsize ? view->itemsize : 1);
    if (is_stored_as(view, LONGS) && is_aligned(view) && count && count <= most) return 0;
    PyErr_Format(PyExc_ValueError, "takes from 1 to %lld indices of 64 bits, got %lld of format "
                 "\"%s\" of %zd%s", (long long)most, (long long)count,
                 view->format ? view->format : "B", 8 * view->itemsize,
                 is_aligned(view) ? "" : ", which are not aligned");
    release(view, 1);
    return -1;
}

void release(Py_buffer *views, int count) {
    for (int i = 0; i < count; i++)
        if (views[i].obj) PyBuffer_Release(&views[i]);
}

int overlap(const Py_buffer *written, const char *name, const Py_buffer *other,
            const char *other_name) {
    const uintptr_t here = (uintptr_t)written->buf, there = (uintptr_t)other->buf;
    if (!written->obj || !other->obj || here >= there + (uintptr_t)other->len ||
        there >= here + (uintptr_t)written->len)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s is written to and must not share memory with %s", name,
                 other_name);
    return 1;
}

int read_vectors(PyObject *const *arrays, const char *const *names, int count, int needed,
                 Py_buffer *views) {
    for (int i = 0; i < count; i++) {
        if (i >= needed && arrays[i] == Py_None) continue;
        if (read_array(arrays[i], names[i], FLOATS, WRITTEN, &views[i])) return -1;
        if (views[i].len != views[0].len) {
            PyErr_Format(PyExc_ValueError, "%s must have as many numbers as %s, got %zd and %zd",
                         names[i], names[0], views[i].len / 4, views[0].len / 4);
            return -1;
        }
        for (int j = 0; j < i; j++)
            if (overlap(&views[i], names[i], &views[j], names[j])) return -1;
    }
    return 0;
}
