"""Numbers worked out by hand, and what does not fit."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from layerkit import ShapeError
from layerkit_conv import AveragePool2d, Conv1d, Conv2d, GlobalAveragePool, MaxPool2d

# In a checkout the specs stand at its root, in the sdist at that of the package.
SPEC = next(
    file
    for folder in Path(__file__).parents
    if (file := folder / "specs" / "mnist_convnet.json").is_file()
)
IMAGE = np.arange(16.0).reshape(1, 1, 4, 4)


def made(layer, shape, **parameters):
    layer.initialize(shape)
    for name, value in parameters.items():
        getattr(layer, name).value = value
    return layer


def test_a_convolution_adds_what_each_window_sees_times_the_filter():
    layer = made(Conv1d(1, 2), (1, 4), W=[[[1], [10]]], b=[100])

    y = layer.forward(np.array([[[1.0, 2, 3, 4]]]))
    dx = layer.backward(np.array([[[1.0, 0, 2]]]))

    assert y.tolist() == [[[121, 132, 143]]]
    assert dx.tolist() == [[[1, 10, 2, 20]]]
    assert layer.W.grad.tolist() == [[[1 * 1 + 2 * 3], [1 * 2 + 2 * 4]]]
    assert layer.b.grad.tolist() == [3]


def test_stride_and_dilation_choose_the_positions():
    layer = made(Conv1d(1, 2, stride=2, dilation=3, bias=False), (1, 6), W=[[[1], [10]]])

    # Windows begin at 0 and 2, and see what is there and 3 further on.
    assert layer.forward(np.array([[[0.0, 1, 2, 3, 4, 5]]])).tolist() == [[[30, 52]]]


def test_a_filter_of_one_group_sees_only_the_channels_of_its_group():
    layer = made(Conv1d(2, 1, groups=2, bias=False), (2, 1), W=[[[1, 10]]])

    assert layer.forward(np.array([[[3.0], [4.0]]])).tolist() == [[[3], [40]]]


def test_the_maximum_of_each_window_gets_its_gradient():
    layer = made(MaxPool2d(), (1, 4, 4))

    y = layer.forward(IMAGE)
    dx = layer.backward(np.array([[[[1.0, 2], [3, 4]]]]))

    assert y.tolist() == [[[[5, 7], [13, 15]]]]
    assert dx[0, 0].tolist() == [[0, 0, 0, 0], [0, 1, 0, 2], [0, 0, 0, 0], [0, 3, 0, 4]]


@pytest.mark.parametrize("stride", [2, 1])
def test_of_several_maxima_one_gets_the_whole_gradient(stride):
    layer = made(MaxPool2d(2, stride), (1, 2, 2))

    layer.forward(np.zeros((1, 1, 2, 2)))

    assert layer.backward(np.array([[[[6.0]]]]))[0, 0].tolist() == [[6, 0], [0, 0]]


def test_padding_is_never_the_maximum():
    layer = made(MaxPool2d(3, 2, padding=1), (1, 2, 2))

    assert layer.forward(-np.ones((1, 1, 2, 2))).tolist() == [[[[-1]]]]


def test_the_mean_of_each_window_shares_its_gradient():
    layer = made(AveragePool2d(), (1, 4, 4))

    y = layer.forward(IMAGE)
    dx = layer.backward(np.array([[[[4.0, 8], [12, 16]]]]))

    assert y.tolist() == [[[[2.5, 4.5], [10.5, 12.5]]]]
    assert dx[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]


def test_the_mean_of_a_channel_is_over_all_positions():
    layer = made(GlobalAveragePool(), (1, 4, 4))

    assert layer.forward(IMAGE).tolist() == [[7.5]]
    assert layer.backward(np.array([[16.0]]))[0, 0].tolist() == [[1] * 4] * 4


@pytest.mark.parametrize("filters", [1, 40])
def test_many_examples_are_convolved_like_one_by_one(filters):
    rng = np.random.default_rng(0)
    layer = Conv2d(filters, 5, padding=2)
    layer.initialize((3, 12, 12))
    x, dout = rng.normal(size=(50, 3, 12, 12)), rng.normal(size=(50, filters, 12, 12))

    y = layer.forward(x).copy()
    dx, dW = layer.backward(dout).copy(), layer.W.grad.copy()

    total = 0
    for i in range(50):
        one = slice(i, i + 1)
        np.testing.assert_allclose(layer.forward(x[one]), y[one], rtol=1e-10)
        np.testing.assert_allclose(layer.backward(dout[one]), dx[one], rtol=1e-10, atol=1e-12)
        total = total + layer.W.grad
    np.testing.assert_allclose(total, dW, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Conv2d(2, 3),
            (784,),
            "takes images (channels, height, width); "
            'put {"type": "reshape", "shape": [1, 28, 28]} before it',
        ),
        (
            MaxPool2d(),
            (28, 20),
            "takes images (channels, height, width); "
            'put {"type": "reshape", "shape": [1, 28, 20]} before it',
        ),
        (
            AveragePool2d(),
            (10,),
            'takes images (channels, height, width); put "reshape" before it',
        ),
        (Conv2d(2, 5, padding=1), (1, 2, 9), "needs at least 3 x 3 positions"),
        (
            Conv2d(2, 3, groups=2),
            (3, 8, 8),
            "takes channels that can be divided among 2 groups, got 3",
        ),
        (Conv1d(2, 3), (8,), 'takes sequences (channels, length); put "reshape" before it'),
        (GlobalAveragePool(), (8,), "takes channels and at least one axis of positions"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(layer, shape, message):
    with pytest.raises(ShapeError) as caught:
        layer.build(shape)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(3, 3, groups=2), "filters must be a multiple of groups, 2"),
        (lambda: Conv1d(3, 3, groups=2), "filters must be a multiple of groups, 2"),
        (lambda: Conv2d(3, 3, 2, "same"), 'padding "same" needs a stride of 1'),
        (lambda: Conv1d(3, 3, 2, "same"), 'padding "same" needs a stride of 1'),
        (lambda: MaxPool2d(2, padding=2), "padding must be at most half the size"),
    ],
)
def test_options_that_do_not_go_together_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
def test_the_convolutional_network_learns_mnist(tmp_path):
    # With a rate that falls, 1,000 steps lead to 0.9877; the spec's own rate takes three epochs.
    changes = [
        "training.epochs=null",
        "training.steps=1000",
        "training.evaluate_every=1000",
        'optimizer={"type": "adam", "learning_rate": {"type": "cosine", "learning_rate": 0.004}}',
    ]
    command = [sys.executable, "-m", "layerkit", "run", str(SPEC), "--json"]
    overrides = [word for change in changes for word in ("--set", change)]

    done = subprocess.run(
        [*command, *overrides, "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["last"]["scores"]["test_accuracy"] >= 0.985
