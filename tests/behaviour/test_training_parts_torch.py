"""Losses and optimizers give PyTorch's numbers."""

import numpy as np
import pytest

from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, AdaGrad, Adam, AdamW, RMSprop
from layerkit.contracts.ownership import variables

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

rng = np.random.default_rng(0)
CLOSE = {"rtol": 1e-10, "atol": 1e-14}


def zeros_and_ones(*shape):
    return rng.integers(0, 2, shape).astype(np.float64)


LOSSES = {
    "softmax, labels": (
        SoftmaxWithLoss(),
        torch.nn.CrossEntropyLoss(),
        rng.normal(size=(32, 10)) * 5,
        rng.integers(0, 10, 32),
    ),
    "softmax, one-hot": (
        SoftmaxWithLoss(),
        torch.nn.CrossEntropyLoss(),
        rng.normal(size=(32, 10)) * 5,
        np.eye(10)[rng.integers(0, 10, 32)],
    ),
    "softmax, probabilities": (
        SoftmaxWithLoss(),
        torch.nn.CrossEntropyLoss(),
        rng.normal(size=(32, 10)) * 5,
        rng.dirichlet(np.ones(10), 32),
    ),
    "softmax, extreme": (
        SoftmaxWithLoss(),
        torch.nn.CrossEntropyLoss(),
        rng.choice([-1000.0, 0.0, 1000.0], (32, 10)),
        rng.integers(0, 10, 32),
    ),
    "sigmoid, single": (
        SigmoidWithLoss(),
        torch.nn.BCEWithLogitsLoss(),
        rng.normal(size=32) * 5,
        zeros_and_ones(32),
    ),
    "sigmoid, several": (
        SigmoidWithLoss(),
        torch.nn.BCEWithLogitsLoss(),
        rng.normal(size=(32, 4)) * 5,
        zeros_and_ones(32, 4),
    ),
    "sigmoid, probabilities": (
        SigmoidWithLoss(),
        torch.nn.BCEWithLogitsLoss(),
        rng.normal(size=(32, 4)) * 5,
        rng.random((32, 4)),
    ),
    "sigmoid, extreme": (
        SigmoidWithLoss(),
        torch.nn.BCEWithLogitsLoss(),
        rng.choice([-1000.0, -40.0, 40.0, 1000.0], (32, 4)),
        zeros_and_ones(32, 4),
    ),
    "mean squared error": (
        MeanSquaredError(),
        torch.nn.MSELoss(),
        rng.normal(size=(32, 4)),
        rng.normal(size=(32, 4)),
    ),
    "huber": (
        Huber(),
        torch.nn.HuberLoss(),
        rng.normal(size=(32, 4)) * 2,
        rng.normal(size=(32, 4)),
    ),
    "huber, delta": (
        Huber(delta=0.3),
        torch.nn.HuberLoss(delta=0.3),
        rng.normal(size=(32, 4)),
        rng.normal(size=(32, 4)),
    ),
}


@pytest.mark.parametrize(("ours", "theirs", "y", "t"), LOSSES.values(), ids=LOSSES)
def test_a_loss_and_its_gradient_are_those_of_pytorch(ours, theirs, y, t):
    their_y = torch.tensor(y, requires_grad=True)
    their_value = theirs(their_y, torch.tensor(t))
    their_value.backward()

    value = ours.forward(y, t)

    np.testing.assert_allclose(value, their_value.item(), **CLOSE)
    np.testing.assert_allclose(ours.backward(), their_y.grad.numpy(), **CLOSE)


@pytest.mark.parametrize("positions", [(3,), (2, 5)])
def test_classes_at_positions_are_those_of_pytorch(positions):
    y = rng.normal(size=(4, *positions, 6))
    t = rng.integers(0, 6, (4, *positions))
    their_y = torch.tensor(np.moveaxis(y, -1, 1), requires_grad=True)  # classes come second
    their_value = torch.nn.CrossEntropyLoss()(their_y, torch.tensor(t))
    their_value.backward()
    ours = SoftmaxWithLoss()

    value = ours.forward(y, t)

    np.testing.assert_allclose(value, their_value.item(), **CLOSE)
    gradient = np.moveaxis(their_y.grad.numpy(), 1, -1)
    np.testing.assert_allclose(ours.backward(), gradient, **CLOSE)


OPTIMIZERS = [
    (SGD(0.1), torch.optim.SGD, {"lr": 0.1}),
    (SGD(0.1, weight_decay=0.05), torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.05}),
    (SGD(0.1, momentum=0.9), torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (
        SGD(0.1, momentum=0.9, weight_decay=0.05),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05},
    ),
    (
        SGD(0.1, momentum=0.9, nesterov=True),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ),
    (
        SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.05),
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
    ),
    (AdaGrad(), torch.optim.Adagrad, {}),
    (AdaGrad(0.2, epsilon=0.01), torch.optim.Adagrad, {"lr": 0.2, "eps": 0.01}),
    (RMSprop(), torch.optim.RMSprop, {}),
    (
        RMSprop(0.2, decay=0.5, epsilon=0.01),
        torch.optim.RMSprop,
        {"lr": 0.2, "alpha": 0.5, "eps": 0.01},
    ),
    (Adam(), torch.optim.Adam, {}),
    (
        Adam(0.2, beta1=0.5, beta2=0.6, epsilon=0.01),
        torch.optim.Adam,
        {"lr": 0.2, "betas": (0.5, 0.6), "eps": 0.01},
    ),
    (Adam(0.1, weight_decay=0.05), torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.05}),
    (AdamW(), torch.optim.AdamW, {}),
    (AdamW(0.1, weight_decay=0.0), torch.optim.AdamW, {"lr": 0.1, "weight_decay": 0.0}),
    (
        AdamW(0.1, beta1=0.5, beta2=0.6, epsilon=0.01, weight_decay=0.3),
        torch.optim.AdamW,
        {"lr": 0.1, "betas": (0.5, 0.6), "eps": 0.01, "weight_decay": 0.3},
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "options"), OPTIMIZERS, ids=lambda v: str(v))
def test_twenty_steps_of_an_optimizer_lead_where_pytorch_goes(ours, theirs, options):
    params = rng.normal(size=50)
    their_params = torch.tensor(params.copy(), requires_grad=True)
    their_optimizer = theirs([their_params], **options)
    ours.build(params.size)
    for _, state in variables(ours):
        state.allocate(np.float64)
        state.initialize(rng)

    for step in range(20):
        grads = rng.normal(size=params.size)
        their_params.grad = torch.tensor(grads.copy())
        their_optimizer.step()
        ours.update(params, grads, step)

    np.testing.assert_allclose(params, their_params.detach().numpy(), **CLOSE)
