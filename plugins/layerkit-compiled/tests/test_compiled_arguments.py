"""Direct calls of the module in C: what is wrong is an exception that names it, never a crash."""

import threading

import numpy as np
import pytest

from layerkit_compiled import _kernels
from layerkit_compiled._kernels import Program
from layerkit_compiled.blas import sgemm_address

KINDS = {
    "uint8": _kernels.BYTES,
    "int32": _kernels.INTS,
    "int64": _kernels.LONGS,
    "float32": _kernels.FLOATS,
    "float64": _kernels.DOUBLES,
}


def floats(count):
    return np.zeros(count, np.float32)


def misaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)
    memory[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return np.frombuffer(memory, array.dtype, offset=1).reshape(array.shape)


def read_only(array):
    array.flags.writeable = False
    return array


def arguments():
    """Return what makes a program of 6-4-4-3 for 20 examples; each call makes new arrays."""
    return {
        "sgemm": sgemm_address(),
        "layers": (
            (_kernels.AFFINE, 6, 4, 0, 24, 1, False, False),
            (_kernels.RELU, 4, 4, -1, -1, 1, False, False),
            (_kernels.AFFINE, 4, 3, 28, 40, 1, False, False),
        ),
        "loss": _kernels.SOFTMAX_OF_LABELS,
        "params": floats(43),
        "grads": floats(43),
        "x": np.ones((20, 6), np.float32),
        "t": np.zeros(20, np.int64),
        "x_kind": _kernels.FLOATS,
        "t_kind": _kernels.LONGS,
        "scale": 1.0,
        "inputs": 6,
        "outputs": 3,
        "batch": 10,
        "shares": 2,
        "looks_once": False,
    }


def layer(kind, inputs, outputs, weight=-1, bias=-1, steps=1, sequence=False, reverse=False):
    return (kind, inputs, outputs, weight, bias, steps, sequence, reverse)


def with_layers(*layers, outputs=3):
    return {"layers": layers, "outputs": outputs}


A, S, R, L = _kernels.AFFINE, _kernels.SPARSE_AFFINE, _kernels.RELU, _kernels.LSTM
SHARED = floats(100)

WRONG = {
    "no address": ({"sgemm": 0}, ValueError, "sgemm must be the address of cblas_sgemm, got 0"),
    "an address too large": ({"sgemm": 2**80}, OverflowError, "too large"),
    "an address of text": ({"sgemm": "cblas_sgemm"}, TypeError, "must be int, not str"),
    "a list of layers": ({"layers": []}, TypeError, "must be tuple, not list"),
    "a layer of None": (
        {"layers": (None,)},
        TypeError,
        r"layers\[0\] must be a tuple, got NoneType",
    ),
    "a short layer": ({"layers": ((A, 6, 3),)}, TypeError, "a layer is its kind, inputs, outputs"),
    "a kind that is not there": (
        with_layers(layer(6, 6, 3)),
        ValueError,
        "kind of a layer must be from 0 to 5, got 6",
    ),
    "a negative kind": (
        with_layers(layer(-1, 6, 3)),
        ValueError,
        "kind of a layer must be from 0 to 5, got -1",
    ),
    "no inputs": (with_layers(layer(A, 0, 3, 0)), ValueError, "inputs of a layer must be from 1"),
    "negative outputs": (
        with_layers(layer(A, 6, -3, 0)),
        ValueError,
        "outputs of a layer must be from 1",
    ),
    "a chain that breaks": (
        with_layers(layer(A, 6, 4, 0), layer(A, 5, 3, 24)),
        ValueError,
        r"layers\[1\] must have the 4 inputs that come to it, got 5",
    ),
    "other inputs": (
        with_layers(layer(A, 7, 3, 0)),
        ValueError,
        r"layers\[0\] must have the 6 inputs",
    ),
    "other outputs": (
        with_layers(layer(A, 6, 4, 0)),
        ValueError,
        "must be the 4 that the last layer has, got 3",
    ),
    "no layers": (with_layers(), ValueError, "must be the 6 that the last layer has, got 3"),
    "an activation that widens": (
        with_layers(layer(R, 6, 3)),
        ValueError,
        "as many outputs as inputs, got 6 inputs and 3",
    ),
    "a sparse layer later": (
        with_layers(layer(R, 6, 6), layer(S, 6, 3, 0)),
        ValueError,
        r"layers\[1\]: only the first layer takes sparse examples",
    ),
    "weights before the parameters": (
        with_layers(layer(A, 6, 3, -1)),
        ValueError,
        "from 0 on, got the start -1",
    ),
    "weights behind the parameters": (
        with_layers(layer(A, 6, 3, 26)),
        ValueError,
        "the 43 parameters' end",
    ),
    "biases behind the parameters": (
        with_layers(layer(A, 6, 3, 0, 41)),
        ValueError,
        "the biases must be 3 numbers",
    ),
    "biases among the weights": (
        with_layers(layer(A, 6, 3, 0, 5)),
        ValueError,
        "from 18 on, got the start 5",
    ),
    "biases at -2": (with_layers(layer(A, 6, 3, 0, -2)), ValueError, "got the start -2"),
    "weights that two layers share": (
        with_layers(layer(A, 6, 4, 0), layer(A, 4, 3, 20)),
        ValueError,
        "from 24 on, got the start",
    ),
    "weights at the end of all numbers": (
        with_layers(layer(A, 6, 3, 2**63 - 1)),
        ValueError,
        "the weights must be 18 numbers",
    ),
    "sizes whose product overflows": (
        {**with_layers(layer(A, 2**40, 2**40, 0), outputs=2**40), "inputs": 2**40},
        ValueError,
        "x must be examples of 1099511627776 numbers",
    ),
    "outputs whose product overflows": (
        with_layers(layer(A, 6, 2**62, 0), outputs=2**62),
        ValueError,
        "weights must be 9223372036854775807 numbers",
    ),
    "steps of 0": (
        with_layers(layer(L, 6, 3, 0, steps=0)),
        ValueError,
        "steps must be from 1 to 6, got 0",
    ),
    "negative steps": (
        with_layers(layer(L, 6, 3, 0, steps=-2)),
        ValueError,
        "steps must be from 1 to 6, got -2",
    ),
    "steps that do not divide the inputs": (
        with_layers(layer(L, 6, 3, 0, steps=4)),
        ValueError,
        "the steps must divide the inputs",
    ),
    "steps that do not divide the outputs": (
        with_layers(layer(L, 6, 3, 0, steps=2, sequence=True)),
        ValueError,
        "the steps must divide the outputs",
    ),
    "an lstm without room": (
        with_layers(layer(L, 6, 3, 0, steps=1)),
        ValueError,
        "weights must be 120 numbers",
    ),
    "a loss that is not there": ({"loss": 3}, ValueError, "loss must be from 0 to 2, got 3"),
    "a loss of text": ({"loss": "mse"}, TypeError, "cannot be interpreted as an integer"),
    "parameters of float64": (
        {"params": np.zeros(43)},
        TypeError,
        "params must be an array of float32, got one of format",
    ),
    "parameters of integers": (
        {"params": np.zeros(43, np.int32)},
        TypeError,
        "params must be an array of float32",
    ),
    "parameters that are a list": (
        {"params": [0.0] * 43},
        TypeError,
        "params must be an array of float32 in C order",
    ),
    "parameters that are read-only": (
        {"params": read_only(floats(43))},
        ValueError,
        "params must be .*: .*read-only",
    ),
    "parameters that are strided": (
        {"params": floats(86)[::2]},
        ValueError,
        "params must be .*: ndarray is not C-contiguous",
    ),
    "parameters that are misaligned": (
        {"params": misaligned(floats(43))},
        ValueError,
        "params must begin at a multiple of 4 bytes",
    ),
    "gradients of None": ({"grads": None}, TypeError, "grads must be an array of float32"),
    "fewer gradients": (
        {"grads": floats(42)},
        ValueError,
        "as many numbers as params, got 42 and 43",
    ),
    "gradients that are the parameters": (
        {"params": SHARED[:43], "grads": SHARED[40:83]},
        ValueError,
        "grads is written to and must not share memory with params",
    ),
    "gradients among the examples": (
        {"x": np.zeros((20, 6), np.float32), "grads": None, "alias": "x"},
        ValueError,
        "grads is written to and must not share memory with x",
    ),
    "examples of another type": (
        {"x_kind": _kernels.INTS},
        TypeError,
        "x must be an array of int32",
    ),
    "examples of a kind that is not there": (
        {"x_kind": 5},
        ValueError,
        "x_kind must be from 0 to 4",
    ),
    "examples of booleans": (
        {"x": np.zeros((20, 6), bool), "x_kind": _kernels.BYTES},
        TypeError,
        "array of uint8",
    ),
    "big-endian examples": (
        {"x": np.zeros((20, 6), ">f4")},
        TypeError,
        'x must be an array of float32, got .*">f"',
    ),
    "strided examples": ({"x": np.zeros((20, 12), np.float32)[:, ::2]}, ValueError, "C-contiguous"),
    "half an example": ({"x": floats(20 * 6 + 3)}, ValueError, "x must be examples of 6 numbers"),
    "no examples": ({"x": floats(0)}, ValueError, "at least one, got 0 numbers"),
    "fewer labels": (
        {"t": np.zeros(19, np.int64)},
        ValueError,
        "t must be 1 numbers for each of 20",
    ),
    "labels of floats": (
        {"t": floats(20), "t_kind": _kernels.FLOATS},
        ValueError,
        "t_kind must be from 0 to 2, got 3",
    ),
    "labels for probabilities": (
        {"loss": _kernels.SOFTMAX_OF_PROBABILITIES},
        ValueError,
        "t must be 3 numbers for each of 20",
    ),
    "a scale of nan": ({"scale": np.nan}, ValueError, "scale must be finite, got nan"),
    "a scale of infinity": ({"scale": -np.inf}, ValueError, "scale must be finite, got -inf"),
    "a scale beyond float32": ({"scale": 1e39}, ValueError, "scale must be finite, got inf"),
    "inputs of 0": ({"inputs": 0}, ValueError, "inputs must be from 1"),
    "inputs beyond 64 bits": ({"inputs": 2**64}, OverflowError, "too big"),
    "outputs of -1": ({"outputs": -1}, ValueError, "outputs must be from 1"),
    "a batch of 0": ({"batch": 0}, ValueError, "batch must be from 1"),
    "a batch that no memory holds": (
        {"batch": 2**61},
        OverflowError,
        "takes more memory than there can be",
    ),
    "a batch that this memory does not hold": ({"batch": 2**45}, MemoryError, None),
    "a batch of 1.5": ({"batch": 1.5}, TypeError, "cannot be interpreted as an integer"),
    "no shares": ({"shares": 0}, ValueError, "shares must be from 1 to 8, got 0"),
    "too many shares": ({"shares": 9}, ValueError, "shares must be from 1 to 8, got 9"),
    "zeros of what can be written": ({"looks_once": True}, ValueError, "an x that is read-only"),
    "fewer weights": (
        {"weights": floats(19)},
        ValueError,
        "weights must be one for each of 20 examples, got 19",
    ),
    "weights of 64 bits": (
        {"weights": np.ones(20)},
        TypeError,
        "weights must be an array of float32",
    ),
    "a negative weight": (
        {"weights": np.repeat(np.float32([1, -1]), 10)},
        ValueError,
        "finite and not negative, unlike that of example 10",
    ),
    "a weight that is no number": (
        {"weights": np.full(20, np.nan, np.float32)},
        ValueError,
        "unlike that of example 0",
    ),
    "an unknown name": ({"threads": 2}, TypeError, "keyword argument"),
}


@pytest.mark.parametrize(("change", "kind", "message"), WRONG.values(), ids=WRONG)
def test_a_program_of_wrong_arguments_is_an_exception(change, kind, message):
    made = arguments() | change
    if made.pop("alias", None) == "x":
        made["grads"] = made["x"].reshape(-1)[:43]

    with pytest.raises(kind, match=message):
        Program(**made)


def test_a_program_without_arguments_is_an_exception():
    with pytest.raises(TypeError, match="sgemm"):
        Program()


def test_a_program_of_right_arguments_computes():
    program = Program(**arguments())

    assert program.gradients(np.arange(10)) == pytest.approx(np.log(3))


CALLS = {
    "no indices": (lambda p: p.gradients(np.arange(0)), ValueError, "takes from 1 to 10 indices"),
    "too many": (lambda p: p.gradients(np.arange(11)), ValueError, "takes from 1 to 10 indices"),
    "of 32 bits": (
        lambda p: p.gradients(np.arange(3, dtype=np.int32)),
        ValueError,
        "indices of 64 bits, got 3",
    ),
    "of floats": (lambda p: p.gradients(np.zeros(3)), ValueError, 'format "d"'),
    "unsigned": (lambda p: p.gradients(np.zeros(3, np.uint64)), ValueError, "indices of 64 bits"),
    "misaligned": (lambda p: p.gradients(misaligned(np.arange(3))), ValueError, "not aligned"),
    "a list": (lambda p: p.gradients([0]), TypeError, "indices must be an array of int64"),
    "strided": (lambda p: p.gradients(np.arange(6)[::2]), ValueError, "C-contiguous"),
    "negative": (lambda p: p.gradients(np.array([-1])), IndexError, "there are 20 .* index -1"),
    "beyond": (lambda p: p.gradients(np.array([20])), IndexError, "there are 20 .* index 20"),
    "one argument": (lambda p: p.outputs(floats(6)), TypeError, "outputs"),
    "outputs of None": (lambda p: p.outputs(None, floats(3)), TypeError, "x must be an array"),
    "half an example": (lambda p: p.outputs(floats(9), floats(3)), ValueError, "takes x of 6"),
    "too few outputs": (lambda p: p.outputs(floats(12), floats(3)), ValueError, "got 12 and 3"),
    "outputs of float64": (lambda p: p.outputs(floats(6), np.zeros(3)), TypeError, "y must be"),
    "read-only outputs": (
        lambda p: p.outputs(floats(6), read_only(floats(3))),
        ValueError,
        "y must be .*read-only",
    ),
    "outputs in examples": (
        lambda p: p.outputs(SHARED[:6], SHARED[5:8]),
        ValueError,
        "y is written to .* with x",
    ),
    "sgd of None": (
        lambda p: _kernels.sgd(None, floats(3), None, 0.1, 0, 0, False),
        TypeError,
        "params must be",
    ),
    "gradients of None": (
        lambda p: _kernels.sgd(floats(3), None, None, 0.1, 0, 0, False),
        TypeError,
        "grads must be",
    ),
    "fewer gradients": (
        lambda p: _kernels.sgd(floats(3), floats(2), None, 0.1, 0, 0, False),
        ValueError,
        "2 and 3",
    ),
    "itself": (
        lambda p: _kernels.sgd(SHARED, SHARED, None, 0.1, 0, 0, False),
        ValueError,
        "share memory",
    ),
    "no velocity": (
        lambda p: _kernels.sgd(floats(3), floats(3), None, 0.1, 0.9, 0, False),
        ValueError,
        "velocity",
    ),
    "a rate of nan": (
        lambda p: _kernels.sgd(floats(3), floats(3), None, np.nan, 0, 0, False),
        ValueError,
        "rate",
    ),
    "a decay of infinity": (
        lambda p: _kernels.sgd(floats(3), floats(3), None, 0.1, 0, np.inf, False),
        ValueError,
        "decay",
    ),
    "adam of None": (
        lambda p: _kernels.adam(floats(3), floats(3), floats(3), None, 1, 0, 0, 1, 0, 1),
        TypeError,
        "squares must be",
    ),
    "an epsilon of nan": (
        lambda p: _kernels.adam(*np.zeros((4, 3), np.float32), 1, 0, 0, np.nan, 0, 1),
        ValueError,
        "epsilon must be finite",
    ),
    "no threads": (
        lambda p: _kernels.use_threads(0),
        ValueError,
        "threads must be at least 1, got 0",
    ),
    "threads of text": (lambda p: _kernels.use_threads("2"), TypeError, "int"),
    "threads beyond numbers": (lambda p: _kernels.use_threads(2**70), OverflowError, "too large"),
}


@pytest.mark.parametrize(("call", "kind", "message"), CALLS.values(), ids=CALLS)
def test_a_wrong_call_is_an_exception(call, kind, message):
    program = Program(**arguments())

    with pytest.raises(kind, match=message):
        call(program)


@pytest.mark.parametrize("x", KINDS)
@pytest.mark.parametrize("arrange", [np.copy, misaligned])
def test_data_may_begin_at_any_byte(x, arrange):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 5, (20, 6)).astype(x)
    results = []
    for first in (_kernels.AFFINE, _kernels.SPARSE_AFFINE):
        made = arguments() | {
            "x": arrange(data),
            "x_kind": KINDS[x],
            "t": arrange(np.arange(20) % 3),
        }
        made["layers"] = ((first, *made["layers"][0][1:]), *made["layers"][1:])
        made["params"][...] = rng.normal(size=43) if not results else results[0][0]
        program = Program(**made)
        loss = program.gradients(np.arange(10))
        results.append((made["params"], loss, made["grads"]))

    assert results[0][1] == pytest.approx(results[1][1], rel=1e-6)
    np.testing.assert_allclose(results[0][2], results[1][2], rtol=1e-5, atol=1e-6)


def test_two_threads_cannot_use_a_program_at_once():
    # So long that the second thread comes while the first computes.
    made = arguments() | {"batch": 200_000, "x": np.ones((200_000, 6), np.float32)}
    program = Program(**made | {"t": np.zeros(200_000, np.int64)})
    indices = np.arange(200_000)
    expected, results, errors = program.gradients(indices), [], []

    def compute():
        for _ in range(20):
            try:
                results.append(program.gradients(indices))
            except RuntimeError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(results) == {expected}
    assert set(errors) == {
        "this program computes for another thread; give each thread a program of its own, or have "
        "them take turns"
    }


def any_value(rng, right):
    """Return something to pass in place of an argument."""
    numbers = [
        0,
        1,
        -1,
        2,
        3,
        7,
        2**31,
        -(2**31),
        2**63 - 1,
        -(2**63),
        2**64,
        0.5,
        np.nan,
        np.inf,
        1e300,
    ]
    others = [None, "text", b"bytes", (), [], {}, object(), True, right]
    arrays = [
        np.zeros(
            int(rng.integers(0, 130)), str(rng.choice([*KINDS, "bool", "float16", "complex64"]))
        ),
        np.zeros((20, 6), rng.choice([*KINDS])),
        misaligned(np.zeros(43, np.float32)),
        read_only(floats(43)),
        np.zeros((43, 2), np.float32)[:, 0],
        np.float32(1),
        np.zeros((), np.float32),
        np.zeros((0, 6), np.float32),
        np.zeros(43, "M8[s]"),
        np.zeros(43, [("a", "f4")]),
        bytearray(172),
        memoryview(bytes(480)),
        SHARED[:43],
    ]
    choices = [*numbers, *others, *arrays]
    return choices[int(rng.integers(len(choices)))]


def any_layers(rng, layers):
    layers = [list(each) for each in layers]
    for _ in range(int(rng.integers(1, 4))):
        number = int(rng.choice([-2, -1, 0, 1, 2, 3, 4, 5, 6, 24, 28, 40, 43, 2**31, 2**62]))
        layers[int(rng.integers(len(layers)))][int(rng.integers(8))] = number
    if rng.random() < 0.2:
        layers.insert(0, layers[0])
    return tuple(map(tuple, layers))


@pytest.mark.parametrize("seed", range(4))
def test_no_arguments_crash_the_module(seed):
    rng, kinds = np.random.default_rng(seed), set()
    calls = [
        lambda *a: _kernels.sgd(*a[:3], 0.1, 0.5, 0, a[3]),
        lambda *a: _kernels.adam(*a[:4], 0.1, 0.9, 0.9, 1e-8, 0, 1),
        lambda *a: _kernels.sgd(floats(3), floats(3), floats(3), *a),
        lambda *a: Program(**arguments()).gradients(a[0]),
        lambda *a: Program(**arguments()).outputs(a[0], a[1]),
    ]
    for _ in range(1500):
        made = arguments()
        try:
            if rng.random() < 0.3:
                calls[int(rng.integers(len(calls)))](
                    *(any_value(rng, floats(43)) for _ in range(4))
                )
                continue
            if rng.random() < 0.4:
                made["layers"] = any_layers(rng, made["layers"])
            for name in rng.choice([n for n in made if n != "sgemm"], int(rng.integers(0, 3))):
                made[name] = any_value(rng, made[name])
            program = Program(**made)
            program.gradients(rng.integers(-1, 21, int(rng.integers(0, 12))))
            program.outputs(made["x"], np.zeros((len(made["x"]), made["outputs"]), np.float32))
        except (ValueError, TypeError, OverflowError, IndexError, MemoryError) as error:
            kinds.add(type(error))

    assert {ValueError, TypeError, OverflowError} <= kinds
