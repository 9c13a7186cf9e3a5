/* The Python module: the type Program, and the updates. */

#include "arguments.h"

#include <structmember.h>

typedef struct {
    PyObject_HEAD
    Program program;
    Py_buffer views[ARRAYS];
} ProgramObject;

static void program_dealloc(ProgramObject *self) {
    program_free(&self->program);
    release(self->views, ARRAYS);
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyObject *program_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    ProgramObject *self = (ProgramObject *)PyType_GenericAlloc(type, 0);
    if (!self) return NULL;
    if (read_program(args, keywords, &self->program, self->views)) {
        int prepared;
        Py_BEGIN_ALLOW_THREADS
        prepared = program_prepare(&self->program);
        Py_END_ALLOW_THREADS
        if (prepared) return (PyObject *)self;
        PyErr_NoMemory();
    }
    Py_DECREF(self);
    return NULL;
}

/* Set an exception unless the verdict is RIGHT. */
static int is_right(const Program *p, Verdict verdict, int64_t wrong) {
    if (verdict == BUSY)
        PyErr_SetString(PyExc_RuntimeError, "this program computes for another thread; give each "
                        "thread a program of its own, or have them take turns");
    if (verdict == WRONG_INDEX)
        PyErr_Format(PyExc_IndexError, "there are %lld examples, got the index %lld",
                     (long long)p->examples, (long long)wrong);
    if (verdict == WRONG_LABEL)
        PyErr_Format(PyExc_ValueError, "labels must be from 0 to %lld, got %lld",
                     (long long)p->outputs - 1, (long long)wrong);
    return verdict == RIGHT;
}

static PyObject *gradients(ProgramObject *self, PyObject *array) {
    Program *p = &self->program;
    Py_buffer indices = {0};
    if (read_indices(array, p->batch, &indices)) return NULL;
    double loss = 0;
    int64_t wrong = 0;
    Verdict verdict;
    Py_BEGIN_ALLOW_THREADS
    pool_enter();
    verdict = program_gradients(p, indices.buf, indices.len / indices.itemsize, &loss, &wrong);
    pool_leave();
    Py_END_ALLOW_THREADS
    release(&indices, 1);
    return is_right(p, verdict, wrong) ? PyFloat_FromDouble(loss) : NULL;
}

static int are_rows(const Program *p, const Py_buffer *x, const Py_buffer *y) {
    const int64_t size = p->inputs * size_of(p->x_stored), rows = x->len / size;
    if (x->len == rows * size && y->len == rows * p->outputs * (int64_t)sizeof(float)) return 1;
    PyErr_Format(PyExc_ValueError, "takes x of %lld numbers and y of %lld for each example, got "
                 "%lld and %lld numbers", (long long)p->inputs, (long long)p->outputs,
                 (long long)(x->len / x->itemsize), (long long)(y->len / y->itemsize));
    return 0;
}

static PyObject *outputs(ProgramObject *self, PyObject *args) {
    Program *p = &self->program;
    const Py_buffer *views = self->views;
    PyObject *arrays[2], *result = NULL;
    Py_buffer x = {0}, y = {0};
    if (!PyArg_ParseTuple(args, "OO:outputs", &arrays[0], &arrays[1])) return NULL;
    if (!read_array(arrays[0], "x", p->x_stored, READ | AT_ANY_BYTE, &x) &&
        !read_array(arrays[1], "y", FLOATS, WRITTEN, &y) && are_rows(p, &x, &y) &&
        !overlap(&y, "y", &x, "x") && !overlap(&y, "y", &views[X], "the x of the program") &&
        !overlap(&y, "y", &views[PARAMS], "params") && !overlap(&y, "y", &views[T], "t") &&
        !overlap(&y, "y", &views[GRADS], "grads")) {
        Verdict verdict;
        Py_BEGIN_ALLOW_THREADS
        pool_enter();
        verdict = program_outputs(p, x.buf, x.len / (p->inputs * x.itemsize), y.buf);
        pool_leave();
        Py_END_ALLOW_THREADS
        if (is_right(p, verdict, 0)) result = Py_NewRef(Py_None);
    }
    release(&x, 1);
    release(&y, 1);
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
     "How many shares a batch has, at the most."},
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

/* An update of the parameters, which threads share. */
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

/* A thread takes a microsecond to start, enough to update about ten thousand parameters. */
enum { WORTH_A_SHARE = 16384 };

static PyObject *run_update(Update *update) {
    update->shares = 1;
    while (update->shares < MOST_SHARES && update->count >= 2 * update->shares * WORTH_A_SHARE)
        update->shares *= 2;
    Py_BEGIN_ALLOW_THREADS
    pool_enter();
    pool_run(share_of_update, update, update->shares);
    pool_leave();
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *update_by_sgd(PyObject *module, PyObject *args) {
    (void)module;
    static const char *const names[] = {"params", "grads", "velocity"};
    PyObject *arrays[3], *result = NULL;
    Py_buffer views[3] = {0};
    double rate, momentum, decay;
    int nesterov;
    if (!PyArg_ParseTuple(args, "OOOdddp:sgd", &arrays[0], &arrays[1], &arrays[2], &rate, &momentum,
                          &decay, &nesterov))
        return NULL;
    if (is_finite(rate, "rate") && is_finite(momentum, "momentum") &&
        is_finite(decay, "weight_decay") && !read_vectors(arrays, names, 3, 2, views)) {
        if (momentum != 0 && !views[2].obj)
            PyErr_SetString(PyExc_ValueError, "a momentum needs a velocity, got None");
        else {
            Sgd how = {(float)rate, (float)momentum, (float)decay, nesterov, views[2].buf};
            Update update = {.params = views[0].buf, .grads = views[1].buf, .sgd = &how};
            update.count = views[0].len / (Py_ssize_t)sizeof(float);
            result = run_update(&update);
        }
    }
    release(views, 3);
    return result;
}

static PyObject *update_by_adam(PyObject *module, PyObject *args) {
    (void)module;
    static const char *const names[] = {"params", "grads", "gradients", "squares"};
    static const char *const numbers[] = {"rate", "beta1", "beta2", "epsilon", "weight_decay", "kept"};
    PyObject *arrays[4], *result = NULL;
    Py_buffer views[4] = {0};
    double n[6];
    if (!PyArg_ParseTuple(args, "OOOOdddddd:adam", &arrays[0], &arrays[1], &arrays[2], &arrays[3],
                          &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]))
        return NULL;
    for (int i = 0; i < 6; i++)
        if (!is_finite(n[i], numbers[i])) return NULL;
    if (!read_vectors(arrays, names, 4, 4, views)) {
        Adam how = {(float)n[0], (float)n[1], (float)n[2], (float)n[3], (float)n[4], (float)n[5],
                    views[2].buf, views[3].buf};
        Update update = {.params = views[0].buf, .grads = views[1].buf, .adam = &how};
        update.count = views[0].len / (Py_ssize_t)sizeof(float);
        result = run_update(&update);
    }
    release(views, 4);
    return result;
}

static PyObject *use_threads(PyObject *module, PyObject *count) {
    (void)module;
    const long wanted = PyLong_AsLong(count);
    if (wanted == -1 && PyErr_Occurred()) return NULL;
    if (wanted < 1)
        return PyErr_Format(PyExc_ValueError, "threads must be at least 1, got %ld", wanted);
    pool_grow(wanted < MOST_SHARES ? (int)wanted - 1 : MOST_SHARES - 1);
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
