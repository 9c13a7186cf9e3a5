/* What Python sees: the type Program, and the updates. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <stdlib.h>

#include "kernels.h"
#include "pool.h"
#include "program.h"

enum { PARAMS, GRADS, X, T, BUFFERS };

typedef struct {
    PyObject_HEAD
    Program program;
    Py_buffer buffers[BUFFERS];
} ProgramObject;

static int read_layers(Program *p, PyObject *layers) {
    const Py_ssize_t count = PyTuple_GET_SIZE(layers);
    p->layers = calloc((size_t)count + 1, sizeof *p->layers);
    if (!p->layers) return -1;
    p->layer_count = (int)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        Layer *layer = &p->layers[i];
        Lstm *lstm = &layer->lstm;
        int kind;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(layers, i), "iLLLLLpp", &kind, &layer->inputs,
                              &layer->outputs, &layer->weight, &layer->bias, &lstm->steps,
                              &lstm->returns_sequence, &lstm->is_reverse))
            return -1;
        layer->kind = (Kind)kind;
        lstm->features = layer->inputs / lstm->steps;
        lstm->units = layer->outputs / (lstm->returns_sequence ? lstm->steps : 1);
    }
    return 0;
}

static void program_dealloc(ProgramObject *self) {
    program_free(&self->program);
    for (int i = 0; i < BUFFERS; i++)
        if (self->buffers[i].obj) PyBuffer_Release(&self->buffers[i]);
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *program_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"sgemm",  "layers", "loss",     "params",   "grads",  "x",
                            "t",      "x_kind", "t_kind",   "scale",    "inputs", "outputs",
                            "batch",  "shares", "looks_once", NULL};
    unsigned long long sgemm;
    PyObject *layers, *arrays[BUFFERS];
    int loss, x_stored, t_stored;
    ProgramObject *self = (ProgramObject *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    Program *p = &self->program;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "KO!iOOOOiifLLLip", names, &sgemm,
                                     &PyTuple_Type, &layers, &loss,
                                     &arrays[PARAMS], &arrays[GRADS], &arrays[X], &arrays[T],
                                     &x_stored, &t_stored, &p->scale, &p->inputs, &p->outputs,
                                     &p->batch, &p->shares, &p->looks_once))
        goto failed;
    for (int i = 0; i < BUFFERS; i++) {
        const int flags = i == PARAMS || i == GRADS ? PyBUF_CONTIG : PyBUF_CONTIG_RO;
        if (PyObject_GetBuffer(arrays[i], &self->buffers[i], flags)) goto failed;
    }
    if (read_layers(p, layers)) goto failed;
    p->sgemm = (Sgemm)(uintptr_t)sgemm;
    p->loss = (Loss)loss;
    p->params = self->buffers[PARAMS].buf;
    p->grads = self->buffers[GRADS].buf;
    p->x = self->buffers[X].buf;
    p->t = self->buffers[T].buf;
    p->x_stored = (Stored)x_stored;
    p->t_stored = (Stored)t_stored;
    p->examples = self->buffers[X].len / (p->inputs * size_of(p->x_stored));
    if (!program_prepare(p)) {
        PyErr_NoMemory();
        goto failed;
    }
    return (PyObject *)self;
failed:
    Py_DECREF(self);
    return NULL;
}

static PyObject *gradients(ProgramObject *self, PyObject *array) {
    Program *p = &self->program;
    Py_buffer indices;
    if (PyObject_GetBuffer(array, &indices, PyBUF_CONTIG_RO)) return NULL;
    const int64_t *index = indices.buf;
    const int64_t rows = indices.len / (Py_ssize_t)sizeof *index;
    double loss = 0;
    int64_t wrong = 0;
    PyObject *result = NULL;
    if (indices.itemsize != sizeof *index || !rows || rows > p->batch) {
        PyErr_Format(PyExc_ValueError, "takes from 1 to %lld indices of 64 bits, got %lld of %zd",
                     (long long)p->batch, (long long)rows, 8 * indices.itemsize);
        goto done;
    }
    for (int64_t i = 0; i < rows; i++) {
        if (index[i] >= 0 && index[i] < p->examples) continue;
        PyErr_Format(PyExc_IndexError, "there are %lld examples, got the index %lld",
                     (long long)p->examples, (long long)index[i]);
        goto done;
    }
    int right;
    Py_BEGIN_ALLOW_THREADS
    right = program_gradients(p, index, rows, &loss, &wrong);
    Py_END_ALLOW_THREADS
    if (right)
        result = PyFloat_FromDouble(loss);
    else
        PyErr_Format(PyExc_ValueError, "labels must be from 0 to %lld, got %lld",
                     (long long)p->outputs - 1, (long long)wrong);
done:
    PyBuffer_Release(&indices);
    return result;
}

static PyObject *outputs(ProgramObject *self, PyObject *args) {
    Program *p = &self->program;
    PyObject *arrays[2], *result = NULL;
    Py_buffer x = {0}, y = {0};
    if (!PyArg_ParseTuple(args, "OO", &arrays[0], &arrays[1])) return NULL;
    if (PyObject_GetBuffer(arrays[0], &x, PyBUF_CONTIG_RO)) return NULL;
    if (PyObject_GetBuffer(arrays[1], &y, PyBUF_CONTIG)) goto done;
    const int64_t size = p->inputs * size_of(p->x_stored), rows = x.len / size;
    if (x.itemsize != size_of(p->x_stored) || x.len != rows * size ||
        y.itemsize != sizeof(float) || y.len != rows * p->outputs * (int64_t)sizeof(float)) {
        PyErr_Format(PyExc_ValueError, "takes examples of %lld numbers, stored as those of the "
                     "program, and an array of float32 for %lld outputs of each",
                     (long long)p->inputs, (long long)p->outputs);
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    program_outputs(p, x.buf, rows, y.buf);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
done:
    PyBuffer_Release(&x);
    PyBuffer_Release(&y);
    return result;
}

static PyMethodDef program_methods[] = {
    {"gradients", (PyCFunction)gradients, METH_O,
     "Return the mean loss over the examples of these indices, and set the gradients."},
    {"outputs", (PyCFunction)outputs, METH_VARARGS, "Set an array to the outputs for examples."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef program_members[] = {
    {"shares", T_INT, offsetof(ProgramObject, program.shares), READONLY,
     "How many threads share a batch, at the most."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot program_slots[] = {
    {Py_tp_doc, "A training step of a chain of layers, up to the gradients."},
    {Py_tp_new, program_new},
    {Py_tp_dealloc, program_dealloc},
    {Py_tp_methods, program_methods},
    {Py_tp_members, program_members},
    {0, NULL},
};

static PyType_Spec program_type = {
    .name = "layerkit_compiled._kernels.Program",
    .basicsize = sizeof(ProgramObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = program_slots,
};

/* An update of the parameters, which threads share out. */
typedef struct {
    float *params;
    const float *grads;
    int64_t count;
    int shares;
    const Sgd *sgd;
    const Adam *adam;
} Update;

static void share_of_update(void *job, int share) {
    const Update *update = job;
    const int64_t start = update->count * share / update->shares;
    const int64_t count = update->count * (share + 1) / update->shares - start;
    if (update->sgd)
        sgd(update->sgd, update->params, update->grads, start, count);
    else
        adam(update->adam, update->params, update->grads, start, count);
}

static int thread_count = 1;

/* A thread takes a microsecond to begin, in which one updates some ten thousand parameters. */
enum { WORTH_A_THREAD = 16384 };

static PyObject *run_update(Update *update) {
    const int64_t worth = 1 + update->count / WORTH_A_THREAD;
    update->shares = thread_count < MOST_SHARES ? thread_count : MOST_SHARES;
    if (worth < update->shares) update->shares = (int)worth;
    Py_BEGIN_ALLOW_THREADS
    pool_run(share_of_update, update, update->shares);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* Arrays of float32 of the same length as the first; None gives NULL. */
static int read_vectors(PyObject *const *arrays, int count, Py_buffer *buffers) {
    for (int i = 0; i < count; i++) {
        if (arrays[i] == Py_None) continue;
        if (PyObject_GetBuffer(arrays[i], &buffers[i], PyBUF_CONTIG)) return -1;
        if (buffers[i].itemsize != sizeof(float) || buffers[i].len != buffers[0].len) {
            PyErr_SetString(PyExc_ValueError, "takes vectors of float32 of one length");
            return -1;
        }
    }
    return 0;
}

static void release(Py_buffer *buffers, int count) {
    for (int i = 0; i < count; i++)
        if (buffers[i].obj) PyBuffer_Release(&buffers[i]);
}

static PyObject *update_by_sgd(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *arrays[3], *result = NULL;
    Py_buffer buffers[3] = {0};
    Sgd how = {0};
    if (!PyArg_ParseTuple(args, "OOOfffp", &arrays[0], &arrays[1], &arrays[2], &how.rate,
                          &how.momentum, &how.weight_decay, &how.nesterov))
        return NULL;
    if (!read_vectors(arrays, 3, buffers)) {
        how.velocity = buffers[2].buf;
        Update update = {.params = buffers[0].buf, .grads = buffers[1].buf, .sgd = &how};
        update.count = buffers[0].len / (Py_ssize_t)sizeof(float);
        result = run_update(&update);
    }
    release(buffers, 3);
    return result;
}

static PyObject *update_by_adam(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *arrays[4], *result = NULL;
    Py_buffer buffers[4] = {0};
    Adam how = {0};
    if (!PyArg_ParseTuple(args, "OOOOffffff", &arrays[0], &arrays[1], &arrays[2], &arrays[3],
                          &how.rate, &how.beta1, &how.beta2, &how.epsilon, &how.weight_decay,
                          &how.kept))
        return NULL;
    if (!read_vectors(arrays, 4, buffers)) {
        how.gradients = buffers[2].buf;
        how.squares = buffers[3].buf;
        Update update = {.params = buffers[0].buf, .grads = buffers[1].buf, .adam = &how};
        update.count = buffers[0].len / (Py_ssize_t)sizeof(float);
        result = run_update(&update);
    }
    release(buffers, 4);
    return result;
}

static PyObject *use_threads(PyObject *module, PyObject *count) {
    (void)module;
    const long wanted = PyLong_AsLong(count);
    if (wanted == -1 && PyErr_Occurred()) return NULL;
    thread_count = wanted < 1 ? 1 : wanted < MOST_SHARES ? (int)wanted : MOST_SHARES;
    pool_grow(thread_count - 1);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"sgd", update_by_sgd, METH_VARARGS, "Update parameters as layerkit's SGD does."},
    {"adam", update_by_adam, METH_VARARGS, "Update parameters as layerkit's Adam does."},
    {"use_threads", use_threads, METH_O, "Have so many threads, the caller's included."},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module) {
    PyObject *type = PyType_FromSpec(&program_type);
    const int failed = !type || PyModule_AddObjectRef(module, "Program", type) ||
                       PyModule_AddIntMacro(module, MOST_SHARES) ||
                       PyModule_AddIntMacro(module, BLOCK) ||
                       PyModule_AddIntMacro(module, AFFINE) ||
                       PyModule_AddIntMacro(module, SPARSE_AFFINE) ||
                       PyModule_AddIntMacro(module, RELU) ||
                       PyModule_AddIntMacro(module, SIGMOID) ||
                       PyModule_AddIntMacro(module, TANH) ||
                       PyModule_AddIntMacro(module, LSTM) ||
                       PyModule_AddIntMacro(module, SOFTMAX_OF_LABELS) ||
                       PyModule_AddIntMacro(module, SOFTMAX_OF_PROBABILITIES) ||
                       PyModule_AddIntMacro(module, MEAN_SQUARED_ERROR) ||
                       PyModule_AddIntMacro(module, BYTES) ||
                       PyModule_AddIntMacro(module, INTS) ||
                       PyModule_AddIntMacro(module, LONGS) ||
                       PyModule_AddIntMacro(module, FLOATS) ||
                       PyModule_AddIntMacro(module, DOUBLES);
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_type}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_kernels",
    .m_doc = "Training steps and updates in C.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&definition); }
