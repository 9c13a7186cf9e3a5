#include "arguments.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

int is_finite(double value, const char *name) {
    if (isfinite(value)) return 1;
    PyErr_Format(PyExc_ValueError, "%s must be finite, got %s", name,
                 isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return 0;
}

static int is_within(const char *name, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return 1;
    PyErr_Format(PyExc_ValueError, "%s must be from %lld to %lld, got %lld", name, (long long)least,
                 (long long)most, (long long)value);
    return 0;
}

/* Sums and products that saturate at the largest number instead of overflowing. */
static int64_t plus(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t times(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/* Check that the parameters of a layer lie after those of earlier layers, and inside the vector. */
typedef struct {
    int64_t used, count;
} Room;

static int has_room(Room *room, Py_ssize_t layer, const char *name, int64_t start, int64_t size) {
    if (start >= room->used && plus(start, size) <= room->count) {
        room->used = start + size;
        return 1;
    }
    PyErr_Format(PyExc_ValueError, "layers[%zd]: the %s must be %lld numbers between those of the "
                 "layers before and the %lld parameters' end, from %lld on, got the start %lld",
                 layer, name, (long long)size, (long long)room->count, (long long)room->used,
                 (long long)start);
    return 0;
}

static int has_sizes(Py_ssize_t i, const char *wrong, const Layer *layer) {
    if (!wrong) return 1;
    PyErr_Format(PyExc_ValueError, "layers[%zd]: %s, got %lld inputs and %lld outputs", i, wrong,
                 (long long)layer->inputs, (long long)layer->outputs);
    return 0;
}

static int read_lstm(Layer *layer, Py_ssize_t i, Room *room) {
    Lstm *lstm = &layer->lstm;
    const int64_t places = lstm->returns_sequence ? lstm->steps : 1;
    if (!is_within("steps", lstm->steps, 1, layer->inputs)) return 0;
    if (!has_sizes(i, layer->inputs % lstm->steps ? "the steps must divide the inputs"
                      : layer->outputs % places  ? "the steps must divide the outputs" : NULL, layer))
        return 0;
    lstm->features = layer->inputs / lstm->steps;
    lstm->units = layer->outputs / places;
    const int64_t rows = plus(plus(lstm->features, lstm->units), 1);
    return has_room(room, i, "weights", layer->weight, times(rows, times(4, lstm->units)));
}

static int read_layer(PyObject *item, Py_ssize_t i, Layer *layer, int64_t inputs, Room *room) {
    int kind;
    Lstm *lstm = &layer->lstm;
    if (!PyTuple_Check(item)) {
        PyObject *type = PyType_GetName(Py_TYPE(item));
        if (type) PyErr_Format(PyExc_TypeError, "layers[%zd] must be a tuple, got %.100U", i, type);
        Py_XDECREF(type);
        return 0;
    }
    long long steps;
    if (!PyArg_ParseTuple(item, "iLLLLLpp;a layer is its kind, inputs, outputs, the starts of its "
                          "weights and biases, steps, returns_sequence and is_reverse", &kind,
                          &layer->inputs, &layer->outputs, &layer->weight, &layer->bias, &steps,
                          &lstm->returns_sequence, &lstm->is_reverse) ||
        !is_within("the kind of a layer", kind, AFFINE, LSTM) ||
        !is_within("the inputs of a layer", layer->inputs, 1, INT64_MAX) ||
        !is_within("the outputs of a layer", layer->outputs, 1, INT64_MAX))
        return 0;
    layer->kind = (Kind)kind;
    lstm->steps = steps;
    if (layer->inputs != inputs) {
        PyErr_Format(PyExc_ValueError, "layers[%zd] must have the %lld inputs that come to it, got "
                     "%lld", i, (long long)inputs, (long long)layer->inputs);
        return 0;
    }
    switch (layer->kind) {
        case LSTM: return read_lstm(layer, i, room);
        case SPARSE_AFFINE:
            if (!has_sizes(i, i ? "only the first layer takes sparse examples" : NULL, layer))
                return 0; /* fall through */
        case AFFINE:
            return has_room(room, i, "weights", layer->weight,
                            times(layer->inputs, layer->outputs)) &&
                   (layer->bias == -1 || has_room(room, i, "biases", layer->bias, layer->outputs));
        default:
            return has_sizes(i, layer->inputs == layer->outputs ? NULL
                             : "an activation has as many outputs as inputs", layer);
    }
}

/* The most bytes of any array that a program keeps for a batch. */
static int fits_memory(const Program *p) {
    int64_t most = times(p->batch, p->inputs);
    for (int i = 0; i < p->layer_count; i++) {
        const Layer *layer = &p->layers[i];
        const Lstm *l = &layer->lstm;
        int64_t numbers = layer->outputs;
        if (layer->kind == SPARSE_AFFINE) numbers = plus(plus(p->inputs, BLOCK), numbers);
        if (layer->kind == LSTM) numbers = times(l->steps + 1, plus(l->features, times(5, l->units)));
        numbers = times(p->batch, numbers);
        if (numbers > most) most = numbers;
    }
    if (most <= INT64_MAX / 64) return 1;
    PyErr_Format(PyExc_OverflowError, "a batch of %lld examples takes more memory than there can be",
                 (long long)p->batch);
    return 0;
}

static int read_layers(Program *p, PyObject *layers, int64_t params) {
    const Py_ssize_t count = PyTuple_Size(layers);
    if (!is_within("the number of layers", count, 0, 1 << 24)) return 0;
    p->layers = calloc((size_t)count + 1, sizeof *p->layers);
    if (!p->layers) {
        PyErr_NoMemory();
        return 0;
    }
    p->layer_count = (int)count;
    Room room = {0, params};
    int64_t width = p->inputs;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!read_layer(PyTuple_GetItem(layers, i), i, &p->layers[i], width, &room)) return 0;
        width = p->layers[i].outputs;
    }
    if (width == p->outputs) return 1;
    PyErr_Format(PyExc_ValueError, "outputs must be the %lld that the last layer has, got %lld",
                 (long long)width, (long long)p->outputs);
    return 0;
}

/* Check the examples and their targets: equally many, and at least one. */
static int count_examples(Program *p, const Py_buffer *views) {
    const int64_t size = times(p->inputs, size_of(p->x_stored)), length = views[X].len;
    const int64_t each = p->loss == SOFTMAX_OF_LABELS ? 1 : p->outputs;
    const int64_t numbers = views[T].len / size_of(p->t_stored);
    if (!length || length % size) {
        PyErr_Format(PyExc_ValueError, "x must be examples of %lld numbers, at least one, got %lld "
                     "numbers", (long long)p->inputs, (long long)(length / size_of(p->x_stored)));
        return 0;
    }
    p->examples = length / size;
    if (numbers == times(p->examples, each)) return 1;
    PyErr_Format(PyExc_ValueError, "t must be %lld numbers for each of %lld examples, got %lld",
                 (long long)each, (long long)p->examples, (long long)numbers);
    return 0;
}

/* Read the weights of the examples: as many, finite and not negative; or None. */
static int read_weights(Program *p, PyObject *array, Py_buffer *views) {
    Py_buffer *view = &views[WEIGHTS];
    if (!array || array == Py_None) return 1;
    if (read_array(array, "weights", FLOATS, READ, view) ||
        overlap(&views[PARAMS], "params", view, "weights") ||
        overlap(&views[GRADS], "grads", view, "weights"))
        return 0;
    const int64_t count = view->len / (int64_t)sizeof(float);
    if (count != p->examples) {
        PyErr_Format(PyExc_ValueError, "weights must be one for each of %lld examples, got %lld",
                     (long long)p->examples, (long long)count);
        return 0;
    }
    p->weights = view->buf;
    for (int64_t i = 0; i < count; i++) {
        if (p->weights[i] >= 0 && p->weights[i] <= FLT_MAX) continue;
        PyErr_Format(PyExc_ValueError, "weights must be finite and not negative, unlike that of "
                     "example %lld", (long long)i);
        return 0;
    }
    return 1;
}

int read_program(PyObject *args, PyObject *keywords, Program *p, Py_buffer *views) {
    static char *names[] = {"sgemm",  "layers", "loss",     "params",   "grads",  "x",
                            "t",      "x_kind", "t_kind",   "scale",    "inputs", "outputs",
                            "batch",  "shares", "looks_once", "weights", NULL};
    PyObject *address, *layers, *arrays[ARRAYS] = {0};
    int loss, x_stored, t_stored, shares;
    double scale;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O!O!iOOOOiidLLLip|O:Program", names,
                                     &PyLong_Type, &address, &PyTuple_Type, &layers, &loss,
                                     &arrays[PARAMS], &arrays[GRADS], &arrays[X], &arrays[T],
                                     &x_stored, &t_stored, &scale, &p->inputs, &p->outputs,
                                     &p->batch, &shares, &p->looks_once,
                                     &arrays[WEIGHTS]) ||
        !is_within("loss", loss, SOFTMAX_OF_LABELS, MEAN_SQUARED_ERROR) ||
        !is_within("x_kind", x_stored, BYTES, DOUBLES) ||
        !is_within("t_kind", t_stored, BYTES, loss == SOFTMAX_OF_LABELS ? LONGS : DOUBLES) ||
        !is_finite((float)scale, "scale") || !is_within("inputs", p->inputs, 1, INT64_MAX) ||
        !is_within("outputs", p->outputs, 1, INT64_MAX) ||
        !is_within("batch", p->batch, 1, INT64_MAX) ||
        !is_within("shares", shares, 1, MOST_SHARES))
        return 0;
    p->sgemm = (Sgemm)(uintptr_t)PyLong_AsVoidPtr(address);
    if (!p->sgemm) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "sgemm must be the address of cblas_sgemm, got 0");
        return 0;
    }
    p->loss = (Loss)loss;
    p->x_stored = (Stored)x_stored;
    p->t_stored = (Stored)t_stored;
    p->scale = (float)scale;
    p->shares = shares;
    if (read_array(arrays[PARAMS], "params", FLOATS, WRITTEN, &views[PARAMS]) ||
        read_array(arrays[GRADS], "grads", FLOATS, WRITTEN, &views[GRADS]) ||
        read_array(arrays[X], "x", p->x_stored, READ | AT_ANY_BYTE, &views[X]) ||
        read_array(arrays[T], "t", p->t_stored, READ | AT_ANY_BYTE, &views[T]) ||
        overlap(&views[GRADS], "grads", &views[PARAMS], "params") ||
        overlap(&views[GRADS], "grads", &views[X], "x") ||
        overlap(&views[GRADS], "grads", &views[T], "t"))
        return 0;
    if (views[GRADS].len != views[PARAMS].len) {
        PyErr_Format(PyExc_ValueError, "grads must have as many numbers as params, got %zd and %zd",
                     views[GRADS].len / 4, views[PARAMS].len / 4);
        return 0;
    }
    if (p->looks_once && !views[X].readonly) {
        PyErr_SetString(PyExc_ValueError, "looks_once takes an x that is read-only, got one that "
                        "can be written");
        return 0;
    }
    p->params = views[PARAMS].buf;
    p->grads = views[GRADS].buf;
    p->x = views[X].buf;
    p->t = views[T].buf;
    return count_examples(p, views) && read_weights(p, arrays[WEIGHTS], views) && read_layers(p, layers, views[PARAMS].len / 4) &&
           fits_memory(p);
}
