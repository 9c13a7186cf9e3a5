"""Mistakes in Python are reported as well as those in a spec: by name, with a remedy."""

import json
import threading
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pytest
from annotated_types import Len

from layerkit import (
    Array,
    Data,
    DataError,
    Field,
    Initializer,
    Layer,
    LayerkitError,
    Loss,
    Network,
    Node,
    NonNegativeFloat,
    Optimizer,
    Parameter,
    PositiveInt,
    Registrar,
    ShapeError,
    SpecError,
    Split,
    Trainer,
    UserError,
    load_registry,
)
from layerkit.builtin.layers import (
    Add,
    Affine,
    BatchNorm,
    Dropout,
    Flatten,
    Gelu,
    LayerNorm,
    LeakyRelu,
    Mul,
    Relu,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.metrics import Accuracy, MeanAbsoluteError
from layerkit.builtin.optimizers import SGD, AdaGrad, Adam, AdamW, RMSprop
from layerkit.builtin.schedules import Cosine, LinearWarmup
from layerkit.contracts.registrar import Provider
from layerkit.initializers import He, Normal, Uniform, Zeros
from layerkit.spec import EarlyStopping, TrainingSettings, parse_spec
from layerkit.training import evaluate

X = np.random.default_rng(0).normal(size=(20, 4))
T = np.arange(20) % 3
SPLIT = Split(X, T)
DATA = Data(SPLIT, SPLIT)


def told(call, *args, kind=UserError, **kwargs):
    """Return what a call that is refused is told."""
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return str(caught.value)


def network(*layers, shape=(4,), loss=SoftmaxWithLoss):
    return Network([*layers, Affine(3)], shape, loss=loss() if loss else None)


def trainer(net=None, data=DATA, optimizer=None, settings=None, metrics=None, **options):
    return Trainer(
        net or network().initialize(),
        data,
        optimizer or SGD(0.1),
        settings or TrainingSettings(steps=3, batch_size=5),
        {} if metrics is None else metrics,
        **options,
    )


# Options


class Odd(Layer):
    """A layer of a third party with options of many kinds."""

    def __init__(
        self,
        size: Annotated[int, Field(ge=1, le=8)] = 1,
        pair: tuple[int, str] = (1, "a"),
        sizes: Annotated[tuple[PositiveInt, ...], Len(1, 3)] = (1,),
        mode: Literal["a", "b", 3] = "a",
        path: Path | None = None,
        slope: NonNegativeFloat | Literal["auto"] = "auto",
        inner: Layer | None = None,
        flag: bool = False,
        name_: str = "x",
        anything: "object" = (),
        *,
        only: PositiveInt = 1,
    ) -> None:
        self.size, self.pair, self.sizes, self.mode, self.path = size, pair, sizes, mode, path
        self.slope, self.inner, self.flag, self.name_ = slope, inner, flag, name_
        self.anything, self.only = anything, only

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dout: Array) -> Array:
        return dout


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Affine(0), "Affine: units: must be greater than 0, got 0"),
        (lambda: Affine(units=-3), "Affine: units: must be greater than 0, got -3"),
        (lambda: Affine(2.0), "Affine: units: must be an integer, got 2.0"),
        (lambda: Affine(True), "Affine: units: must be an integer, got True"),
        (lambda: Affine("10"), "Affine: units: must be an integer, got '10'"),
        (lambda: Affine(3, bias=1), "Affine: bias: must be True or False, got 1"),
        (lambda: Affine(3, He), "Affine: weight_init: must be an instance of Initializer, got the "
         "class He; make an instance of it: He(...)"),
        (lambda: Affine(3, "he"), "Affine: weight_init: must be an instance of Initializer, got "
         "'he'"),
        (lambda: Dropout(1.5), "Dropout: rate: must be less than 1, got 1.5"),
        (lambda: Dropout(-0.1), "Dropout: rate: must be at least 0, got -0.1"),
        (lambda: Dropout(float("nan")), "Dropout: rate: must be a finite number, got nan"),
        (lambda: Dropout("half"), "Dropout: rate: must be a number, got 'half'"),
        (lambda: BatchNorm(momentum=2), "BatchNorm: momentum: must be at most 1, got 2"),
        (lambda: Gelu("fast"), "Gelu: approximate: must be \"none\" or \"tanh\", got 'fast'"),
        (lambda: Reshape(3), "Reshape: shape: must be a tuple or a list, got 3"),
        (lambda: Reshape((3, "x")), "Reshape: shape[1]: must be an integer, got 'x'"),
        (lambda: Reshape((3, 0)), "shape must have positive axes, and -1 for at most one "
         "of them"),
        (lambda: SGD(-1), "SGD: learning_rate: must be greater than 0 or an instance of Schedule, "
         "got -1"),
        (lambda: SGD(Cosine), "SGD: learning_rate: must be a number or an instance of Schedule, "
         "got the class Cosine; make an instance of it: Cosine(...)"),
        (lambda: SGD(0.1, 1), "SGD: momentum: must be less than 1, got 1"),
        (lambda: SGD(0.1, nesterov=True), "nesterov needs a momentum greater than 0"),
        (lambda: AdamW(beta1=1.0), "AdamW: beta1: must be less than 1, got 1.0"),
        (lambda: SGD(10**400), "SGD: learning_rate: must be a finite number or an instance of "
         f"Schedule, got 1{'0' * 56}..."),
        (lambda: Uniform(1, 0), "low must be less than high, got low=1 and high=0"),
        (lambda: LinearWarmup(0, 0.1), "LinearWarmup: steps: must be greater than 0, got 0"),
        (lambda: Huber(0), "Huber: delta: must be greater than 0, got 0"),
        (lambda: Affine(-1, bias=None), "Affine: units: must be greater than 0, got -1; bias: must "
         "be True or False, got None"),
        (lambda: Odd(9), "Odd: size: must be at most 8, got 9"),
        (lambda: Odd(pair=(1, 2)), "Odd: pair[1]: must be text, got 2"),
        (lambda: Odd(pair=(1,)), "Odd: pair: must have 2 elements, got (1,)"),
        (lambda: Odd(sizes=()), "Odd: sizes: must have at least 1 element, got ()"),
        (lambda: Odd(sizes=(1, 0)), "Odd: sizes[1]: must be greater than 0, got 0"),
        (lambda: Odd(sizes=(1, 1, 1, 1)), "Odd: sizes: must have at most 3 elements, got (1, 1, 1, "
         "1)"),
        (lambda: Odd(mode=True), 'Odd: mode: must be "a", "b" or 3, got True'),
        (lambda: Odd(path="file"), "Odd: path: must be the pathlib.Path of a file or None, got "
         "'file'"),
        (lambda: Odd(slope=-1), 'Odd: slope: must be at least 0 or "auto", got -1'),
        (lambda: Odd(inner=Relu), "Odd: inner: must be an instance of Layer or None, got the class "
         "Relu; make an instance of it: Relu(...)"),
        (lambda: Odd(only=0), "Odd: only: must be greater than 0, got 0"),
    ],
)  # fmt: skip
def test_an_option_out_of_its_bounds_is_refused_in_the_words_of_a_spec(make, message):
    assert told(make) == message
    with pytest.raises(ValueError, match=r"."):  # as which a spec takes it
        make()


def test_the_words_are_those_of_a_spec():
    for optimizer, options in [
        (Adam, {"beta1": 1.5}),
        (RMSprop, {"epsilon": 0}),
        (Adam, {"beta2": -1}),
    ]:
        spec = {
            "version": 1,
            "data": "digits",
            "layers": ["relu"],
            "loss": "mean_squared_error",
            "optimizer": {"type": optimizer.__name__.lower(), **options},
            "training": {"steps": 1},
        }  # fmt: skip
        with pytest.raises(SpecError) as caught:
            parse_spec(json.dumps(spec), load_registry())

        ((name, _),) = options.items()
        (problem,) = caught.value.problems
        assert told(optimizer, **options) == f"{optimizer.__name__}: {name}: {problem.message}"


def test_numbers_of_numpy_and_whole_numbers_for_others_are_taken():
    affine, sgd = Affine(np.int64(3)), SGD(np.float32(0.5), momentum=0)
    reshape = Reshape([np.int64(2), -1])

    assert (affine.units, type(affine.units)) == (3, int)
    assert (sgd.learning_rate, type(sgd.learning_rate)) == (0.5, float)
    assert type(SGD(1).learning_rate) is int
    assert Affine(3, bias=np.bool_(False)).bias is False
    assert Network([Affine(4), reshape], (np.int64(5),)).shapes == [(5,), (4,), (2, 2)]


def test_any_callable_or_number_is_a_first_value_in_python():
    ones = Affine(2, lambda shape, rng: np.ones(shape), bias_init=0.5)

    ones.initialize((3,))

    assert (ones.W.value.sum(), ones.b.value.tolist()) == (6, [0.5, 0.5])


def test_lists_and_tuples_will_do_for_each_other_and_no_type_means_any_value():
    odd = Odd(3, [2, "b"], [1, 2], 3, Path("x"), 0.5, Relu(), True, "n", {}, only=2)

    assert (odd.pair, odd.sizes, odd.anything) == ([2, "b"], [1, 2], {})


def test_a_subclass_passes_on_what_it_likes():
    class Named(Affine):
        def __init__(self, units: str) -> None:
            super().__init__(len(units))

    class Inherits(Affine):
        pass

    assert Named("abc").units == 3
    assert told(Named, 3) == "Named: units: must be text, got 3"
    assert told(Inherits, 0) == "Inherits: units: must be greater than 0, got 0"


def test_what_python_itself_says_of_a_call_stays():
    with pytest.raises(TypeError, match="unexpected keyword argument 'learnig_rate'"):
        SGD(learnig_rate=0.1)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'units'"):
        Affine()


def test_annotations_that_only_a_type_checker_knows_are_not_checked():
    class Later(Relu):
        def __init__(self, option: "NotImported" = 1) -> None:  # noqa: F821
            self.option = option

    assert Later("x").option == "x"


def test_a_spec_checks_options_once(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "layerkit.contracts.component.checked_options", lambda *a: seen.append(a) or a[2:]
    )
    registry = load_registry()
    spec = parse_spec(
        '{"version": 1, "inputs": {"x": [[1, 2]]}, "layers": [{"type": "affine", "units": 3}]}',
        registry,
    )

    assert spec.content.layers[0].component.create().units == 3
    assert seen == []
    Affine(3)
    assert len(seen) == 1


# Networks


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network([Relu], (4,)), "layers[0] must be an instance of Layer, got the class "
         "Relu; make an instance of it: Relu(...)"),
        (lambda: Network([Affine(2), "relu"], (4,)), "layers[1] must be an instance of Layer, got "
         "'relu'"),
        (lambda: Network([Node(Relu, (0,), "a", "relu")], (4,)), "layers[0] must be an instance of "
         "Layer, got the class Relu; make an instance of it: Relu(...)"),
        (lambda: Network(Relu(), (4,)), "layers must be a list of at least one layer, got Relu()"),
        (lambda: Network([], (4,)), "layers must be a list of at least one layer, got []"),
        (lambda: Network([Relu()]), "a network needs the shape of its input, as in "
         "Network(layers, (784,))"),
        (lambda: Network([Relu()], 784), "shapes[0] must be a tuple of ints, as in (784,) for "
         "examples of 784 numbers each, got 784"),
        (lambda: Network([Relu()], (4.0,)), "shapes[0] must be a tuple of ints, as in (784,) for "
         "examples of 784 numbers each, got (4.0,)"),
        (lambda: Network([Relu()], (4,), [2]), "shapes[1] must be a tuple of ints, as in (784,) "
         "for examples of 784 numbers each, got [2]"),
        (lambda: Network([Relu()], (-1, 4)), "shapes[0] must be a tuple of ints, as in (784,) for "
         "examples of 784 numbers each, got (-1, 4)"),
        (lambda: Network([Relu()], (4,), loss=SoftmaxWithLoss), "loss must be an instance of Loss, "
         "got the class SoftmaxWithLoss; make an instance of it: SoftmaxWithLoss(...)"),
        (lambda: Network([Relu()], (4,), dtype=int), "dtype must be float32 or float64, got int"),
        (lambda: Network([Relu()], (4,), dtype="float16"), "dtype must be float32 or float64, got "
         "float16"),
        (lambda: Network([Relu()], (4,), dtype="floaty"), "dtype must be float32 or float64, got "
         "floaty"),
        (lambda: Network([Add()], (4,)), "layers[0] (Add) takes 2 inputs or more, got 1, but the "
         "input gives (4,)"),
        (lambda: Network([Node(Relu(), (1,), "a", "relu")], (4,)), "a (relu): inputs must be a "
         "tuple of positions from 0 to 0, of the network's inputs and the layers before it, got "
         "(1,)"),
        (lambda: Network([Node(Relu(), 0, "a", "relu")], (4,)), "a (relu): inputs must be a "
         "tuple of positions from 0 to 0, of the network's inputs and the layers before it, got 0"),
        (lambda: Network([Relu()], (4,)).initialize(-1), "seed must be an integer from 0 on, got "
         "-1"),
        (lambda: Network([Relu()], (4,)).initialize("x"), "seed must be an integer from 0 on, got "
         "'x'"),
        (lambda: Parameter(3), "the shape of a Parameter must be a tuple of ints, as in (784,) for "
         "examples of 784 numbers each, got 3"),
        (lambda: Affine(2).initialize(3), "the shape of an input must be a tuple of ints, as in "
         "(784,) for examples of 784 numbers each, got 3"),
        (lambda: Mul().initialize((3,)), "takes 2 inputs, got 1"),
        (lambda: Relu().initialize((3,), (3,)), "takes 1 input, got 2"),
        (lambda: Relu().initialize((3,), dtype="int8"), "dtype must be float32 or float64, got "
         "int8"),
        (lambda: Relu().initialize((3,), rng=-1), "seed must be an integer from 0 on, got -1"),
        (lambda: Adam().initialize(3, rng="x"), "seed must be an integer from 0 on, got 'x'"),
        (lambda: Network([Relu()], (4,)).initialize().loss(X, T), "this network has no loss; give "
         "it one: Network(..., loss=...)"),
        (lambda: Adam().initialize(3, dtype="int8"), "dtype must be float32 or float64, got int8"),
    ],
)  # fmt: skip
def test_what_makes_no_network_is_told_with_what_to_do(make, message):
    assert told(make) == message


NOT_INITIALISED = "the network was never initialised; call network.initialize(seed)"


@pytest.mark.parametrize("layers", [[Affine(3)], [Relu(), Affine(3)], [Dropout()]], ids=str)
@pytest.mark.parametrize(
    "use",
    [
        lambda net: net.predict(X),
        lambda net: net.forward(X),
        lambda net: net.train_step(X, T),
        lambda net: net.gradient(X, T),
        lambda net: net.loss(X, T),
        lambda net: net.accuracy(X, T),
        lambda net: net.params,
        lambda net: net.grads,
        lambda net: net.states,
    ],
    ids=["predict", "forward", "step", "gradient", "loss", "accuracy", "params", "grads", "states"],
)
def test_a_network_that_was_never_initialised_says_so(layers, use):
    for layer in layers:
        made = Network([type(layer)(**layer.options())], (4,), loss=SoftmaxWithLoss())
        assert told(use, made) == NOT_INITIALISED


def test_a_network_says_of_no_other_attribute_that_it_should_be_initialised():
    made = network()

    assert hasattr(made, "params") is False
    with pytest.raises(AttributeError, match=r"^'Network' object has no attribute 'parms'$"):
        made.parms  # noqa: B018


@pytest.mark.parametrize("use", ["loss", "gradient", "train_step", "loss_of"])
@pytest.mark.parametrize(
    ("targets", "got"),
    [(T[:5], "5"), (np.eye(3)[T[:5]], "5"), (1, "the single number 1"), ([0, 1], "2")],
)
def test_a_number_of_targets_that_is_not_that_of_the_examples_is_refused(use, targets, got):
    made = network().initialize()
    first = made.predict(X) if use == "loss_of" else X

    message = told(getattr(made, use), first, targets, kind=ShapeError)

    assert message == f"the loss takes a target for each of 20 examples, got {got}"


def test_five_targets_for_twenty_examples_are_refused_by_accuracy_too():
    assert "got (5,)" in told(network().initialize().accuracy, X, T[:5], kind=ShapeError)


def test_targets_may_be_a_list():
    made = network().initialize()

    assert made.loss(X, T.tolist()) == made.loss(X, T)


# backward before forward


def test_a_network_goes_back_only_after_it_went_forward():
    made = network().initialize()

    assert told(made.backward, np.zeros((20, 3))) == (
        "backward follows a forward: call network.forward(x) first"
    )


def test_a_network_goes_back_only_by_a_gradient_of_the_shape_of_its_output():
    made = network().initialize()
    made.forward(X)

    for dout, got in ((np.zeros((5, 3)), "(5, 3)"), (1.0, "()")):
        assert told(made.backward, dout, kind=ShapeError) == (
            f"backward takes a gradient of the shape of the output, (20, 3), got {got}"
        )


LAYERS = [
    Affine(3),
    BatchNorm(),
    Dropout(),
    Flatten(),
    Gelu(),
    LayerNorm(),
    LeakyRelu(),
    Relu(),
    Reshape((4,)),
    Sigmoid(),
    Softmax(),
    Tanh(),
    Add(),
    Mul(),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_a_layer_goes_back_only_after_it_went_forward(layer):
    made = type(layer)(**layer.options())
    made.initialize(*[(4,)] * (2 if isinstance(layer, Add | Mul) else 1))

    message = told(made.backward, np.ones((2, 3 if isinstance(layer, Affine) else 4)))

    assert message.startswith(f"'{type(layer).__name__}' object has no attribute '_")
    assert message.endswith(" yet; backward needs what forward keeps: call forward first")


@pytest.mark.parametrize("loss", [Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss])
def test_a_loss_goes_back_only_after_it_went_forward(loss):
    assert told(loss().backward).endswith(
        " yet; backward needs what forward keeps: call forward first"
    )


@pytest.mark.parametrize("layer", [Affine(2), BatchNorm(), LayerNorm(), Reshape((2, 2)), Dropout()])
def test_a_layer_that_was_not_initialised_says_so(layer):
    assert told(type(layer)(**layer.options()).forward, X).endswith(
        "first call initialize() of the network, or of a layer that is used alone"
    )


def test_values_and_gradients_of_a_parameter_wait_for_initialize():
    parameter = Parameter((3,))

    for use in (
        lambda: parameter.value,
        lambda: parameter.grad,
        lambda: setattr(parameter, "value", 1),
        lambda: setattr(parameter, "grad", 1),
    ):
        assert told(use).startswith("a parameter has no value yet; first call initialize()")


@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9), Adam(), AdamW(), AdaGrad(), RMSprop()])
def test_an_optimizer_that_was_not_initialised_says_so(optimizer):
    message = told(type(optimizer)(**optimizer.options()).update, np.ones(3), np.ones(3), 0)

    assert message.endswith("yet; first call initialize(size), or make a Trainer")


def test_a_schedule_and_a_metric_say_what_to_call_first():
    class Forgetful(MeanAbsoluteError):
        def reset(self):
            self._forgotten = 0

        def value(self):
            return self._forgotten

    assert told(Cosine(0.1), 3).endswith("yet; call build(total_steps) first")
    assert told(Forgetful().value).endswith("yet; call reset() first")


def test_an_attribute_that_is_misspelt_is_a_plain_mistake():
    made = Affine(3)
    made.initialize((4,))

    for name in ("unitz", "__nothing__"):
        with pytest.raises(AttributeError, match=f"^'Affine' object has no attribute '{name}'$"):
            getattr(made, name)
    assert getattr(made, "_nothing", None) is None


def test_a_layer_whose_backward_asks_for_what_forward_never_sets_is_told_as_broken():
    class Typo(Relu):
        def backward(self, dout):
            return dout * self._mask

    made = network(Affine(4), Typo()).initialize()

    message = told(made.train_step, X, T, kind=LayerkitError)

    assert message == "layers[1] (Typo): backward uses _mask, which forward does not set"


# Trainers


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trainer(network()), "the network was never initialised; call "
         "network.initialize(seed) before Trainer(...)"),
        (lambda: trainer(network(loss=None).initialize()), "this network has no loss; give it one: "
         "Network(..., loss=...)"),
        (lambda: trainer("net"), "network must be an instance of Network, got 'net'"),
        (lambda: trainer(data=(X, T)), "data must be an instance of Data, got "),
        (lambda: trainer(data=Data((X, T), SPLIT)), "the training part must be an instance of "
         "Split, got "),
        (lambda: trainer(optimizer=SGD), "optimizer must be an instance of Optimizer, got the "
         "class SGD; make an instance of it: SGD(...)"),
        (lambda: trainer(settings={"steps": 3}), "settings must be an instance of "
         "TrainingSettings, got {'steps': 3}"),
        (lambda: trainer(metrics=[Accuracy()]), "metrics must be an instance of dict, got "
         "[Accuracy()]"),
        (lambda: trainer(metrics={"loss": Accuracy()}), 'no metric may be called "loss", which is '
         "what evaluations call the loss; give it another name"),
        (lambda: evaluate(network().initialize(), SPLIT, {"loss": Accuracy()}), "no metric may be "
         'called "loss", which is what evaluations call the loss; give it another name'),
        (lambda: setattr(trainer(), "total_steps", "8"), "total_steps must be an integer from 0 "
         "on, got '8'"),
        (lambda: trainer(metrics={"accuracy": Accuracy}), "metrics['accuracy'] must be an instance "
         "of Metric, got the class Accuracy; make an instance of it: Accuracy(...)"),
        (lambda: trainer(monitor="validation_acuracy", metrics={"accuracy": Accuracy()},
                         data=Data(SPLIT, SPLIT, validation=SPLIT)), "monitor must be one of "
         "validation_loss, validation_accuracy, got 'validation_acuracy'; did you mean "
         '"validation_accuracy"?'),
        (lambda: trainer(monitor="test_loss", data=Data(SPLIT, SPLIT, validation=SPLIT)),
         "monitor must be one of validation_loss, got 'test_loss'"),
        (lambda: trainer(monitor="train_loss", data=Data(SPLIT, SPLIT, validation=SPLIT)),
         "monitor must be one of validation_loss, got 'train_loss'"),
        (lambda: trainer(monitor="test_loss"), "monitor='test_loss' chooses by a validation part, "
         "and these data have none; give them one, as in Data(train, test, validation), or leave "
         "it out"),
        (lambda: trainer(settings=TrainingSettings(steps=1, early_stopping={})), "early stopping "
         "chooses by a validation part, and these data have none; give them one, as in "
         "Data(train, test, validation), or leave it out"),
        (lambda: trainer(settings=TrainingSettings(steps=1, early_stopping={"metric": "test_loss"}),
                         data=Data(SPLIT, SPLIT, validation=SPLIT)),
         "monitor must be one of validation_loss, got 'test_loss'"),
        (lambda: trainer(seed=-1), "seed must be an integer from 0 on, got -1"),
        (lambda: trainer(settings=TrainingSettings(steps=1, early_stopping={}),
                         metrics={"accuracy": Accuracy()}, monitor="validation_accuracy",
                         data=Data(SPLIT, SPLIT, validation=SPLIT)), "early stopping watches "
         '"validation_loss" and the trainer "validation_accuracy"; name the same number in both: '
         'Trainer(..., monitor="validation_loss")'),
    ],
)  # fmt: skip
def test_what_no_training_can_begin_with_is_told_with_what_to_do(make, message):
    assert told(make).startswith(message)


EMPTY = Split(X[:0], T[:0])


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (Data(EMPTY, SPLIT), DataError, "the training part has no examples"),
        (Data(SPLIT, EMPTY), DataError, "the test part has no examples"),
        (Data(Split(X[:, :3], T), SPLIT), ShapeError, "the network takes examples of shape (4,), "
         "and those of the training part have the shape (3,)"),
        (Data(SPLIT, Split(X[:, :, None], T)), ShapeError, "the network takes examples of shape "
         "(4,), and those of the test part have the shape (4, 1)"),
        (Data(Split(X.astype(str), T), SPLIT), DataError, "the training part must have examples in "
         "an array of numbers, got <U32"),
        (Data(Split(X, T.tolist()), SPLIT), DataError, "the training part must have targets in an "
         "array of numbers, got list"),
        (Data(SPLIT, Split(X * [1, 1, 1e-60, 1], T)), DataError, "the examples of the test part "
         f"have numbers of at most {1e-60 * np.abs(X[:, 2]).max():.2g} in column 2, which float32 "
         'makes 0; scale them, set them to 0 if they count for nothing, or compute in "dtype": '
         '"float64"'),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused_before_training(data, kind, message):
    assert told(trainer, data=data, kind=kind) == message


@pytest.mark.parametrize(
    ("sampling", "size", "message"),
    [
        ("shuffle", len(X) - 1, "batch_size: the last batch of an epoch has 1 example of 20, and "
         "layers[1] (BatchNorm) takes at least 2 in training; choose another size"),
        ("with_replacement", 1, "batch_size: a batch has 1 example of 20, and layers[1] "
         "(BatchNorm) takes at least 2 in training; choose another size"),
    ],
)  # fmt: skip
def test_batches_that_a_layer_cannot_train_on_are_refused_before_training(sampling, size, message):
    settings = TrainingSettings(steps=1, batch_size=size, sampling=sampling)
    made = network(Affine(4), BatchNorm(), Affine(3)).initialize()

    assert told(trainer, made, settings=settings) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, 'TrainingSettings: needs either "steps" or "epochs"'),
        ({"steps": 1, "epochs": 1}, 'TrainingSettings: takes only one of "steps" and "epochs", got '
         "both; leave one out, or set it to null"),
        ({"steps": 0}, "TrainingSettings: steps: must be greater than 0, got 0"),
        ({"step": 3}, 'TrainingSettings: step: unknown key "step"; did you mean "steps"?'),
        ({"steps": 1, "batch_size": 2.5}, "TrainingSettings: batch_size: must be an integer, got "
         "2.5"),
        ({"steps": 1, "early_stopping": {"patience": 0}}, "TrainingSettings: "
         "early_stopping.patience: must be greater than 0, got 0"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_refused(settings, message):
    assert told(TrainingSettings, **settings) == message


def test_settings_take_numbers_of_numpy_and_early_stopping_as_it_is():
    stopping = EarlyStopping(patience=np.int64(2))

    made = TrainingSettings(steps=np.int64(5), early_stopping=stopping)

    assert (made.steps, type(made.steps)) == (5, int)
    assert (made.early_stopping, stopping.patience) == (stopping, 2)


def test_one_trainer_in_two_threads_is_refused_in_one_of_them():
    class Waiting(Relu):
        def forward(self, x):
            if threading.current_thread() is first:
                inside.set()
                go_on.wait(10)
            return super().forward(x)

    inside, go_on = threading.Event(), threading.Event()
    net = network(Waiting()).initialize()
    net.compilers = ()
    made = trainer(net)
    first = threading.Thread(target=made.train_step)
    first.start()
    inside.wait(10)

    refusals = [told(train) for train in (made.train_step, lambda: next(made.run()))]
    go_on.set()
    first.join()

    assert {message.partition(" this")[0] for message in refusals} == {"another thread is training"}
    assert made.step == 1
    made.train_step()
    assert made.step == 2


def test_a_trainer_that_fails_in_a_step_can_be_used_again():
    made = trainer()
    made.batches.indices = lambda: 1 / 0

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            made.train_step()


def test_kinds_of_components_are_options_of_others_by_instance():
    class Wraps(Optimizer):
        def __init__(self, inner: Optimizer, loss: Loss | None = None) -> None:
            self.inner, self.loss, self.learning_rate = inner, loss, 0.1

        def update(self, params: Array, grads: Array, step: int) -> None:
            self.inner.update(params, grads, step)

    assert told(Wraps, SGD) == (
        "Wraps: inner: must be an instance of Optimizer, got the class SGD; make an instance of "
        "it: SGD(...)"
    )
    assert Wraps(SGD(), Huber()).loss.delta == 1


def test_the_initializers_of_the_built_ins_are_accepted_as_such():
    assert [Initializer.accepts(value) for value in (He(), Normal(), 1, Zeros, True, "he")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_a_registered_component_of_a_third_party_is_checked_like_a_built_in():
    registrar = Registrar(Provider("layerkit-odd", "1", "odd"))
    registrar.layer("odd", Odd)

    assert told(registrar.entries[0].cls, 0) == "Odd: size: must be at least 1, got 0"
