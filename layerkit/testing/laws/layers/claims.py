"""Laws of layers about what they declare: meaning, mixing, modes and views."""

from typing import get_args

import numpy as np

from layerkit.contracts.layer import Layer
from layerkit.testing.laws.layers.passes import as_tuple, close, upstream
from layerkit.testing.laws.layers.uses import BATCHES, LARGE, Use, draws, each_use, uses
from layerkit.testing.subject import LawBroken, Subject
from layerkit.types import Meaning


@each_use
def its_outputs_mean_what_it_says(use: Use) -> None:
    """Outputs declared as probabilities are from 0 to 1; ``same`` keeps inputs in that range."""
    meaning = use.create().meaning
    if meaning not in (*get_args(Meaning), "same"):
        raise LawBroken(
            f"meaning must be one of {', '.join((*get_args(Meaning), 'same'))}, got {meaning!r}"
        )
    if meaning not in ("probabilities", "same"):
        return
    passes, xs = use.passes(training=False), use.inputs(scale=LARGE)
    if meaning == "same":
        xs = [np.random.default_rng(1).uniform(size=x.shape) for x in xs]
    y = passes.forward(xs)
    if y.size and not 0 <= y.min() <= y.max() <= 1:
        raise LawBroken(
            f'says meaning = "{meaning}", but its outputs go from {y.min():.3g} to {y.max():.3g}'
            + (" where its inputs are from 0 to 1" if meaning == "same" else "")
        )


@each_use
def examples_do_not_mix(use: Use) -> None:
    """A batch gives the same results as its examples alone, unless ``mixes_examples`` is set.

    A layer that mixes examples does so only in training.
    """
    random = draws(use)
    for training in (True, False):
        if training and (use.cls.mixes_examples or random):
            continue
        passes, xs = use.passes(training=training), use.inputs(BATCHES[-1])
        y = passes.forward(xs)
        dout = upstream(y)
        dxs = passes.backward(dout) if training else []
        alone = use.twin(passes)
        for i in range(len(y)):
            one = slice(i, i + 1)
            if not close(alone.forward([x[one] for x in xs]), y[one]):
                raise LawBroken(
                    "an example gives something else alone than in a batch; if it is meant to, say "
                    "so: mixes_examples = True"
                    if training
                    else "in evaluation, an example gives something else alone than in a batch"
                )
            if training and not all(map(close, alone.backward(dout[one]), [dx[one] for dx in dxs])):
                raise LawBroken(
                    "the gradient with respect to an example depends on its batch, though the "
                    "output does not"
                )


@each_use
def modes_differ_only_if_it_says_so(use: Use) -> None:
    """Training and evaluation give the same output, unless ``differs_in_training`` is set."""
    if not use.cls.differs_in_training and _differs(use):
        raise LawBroken(
            "the output in training differs from evaluation; if that is meant, say so: "
            "differs_in_training = True"
        )


def it_is_what_it_says_of_itself(subject: Subject) -> None:
    """If it declares that it mixes examples, differs in training or gives views, it does so."""
    assert issubclass(subject.cls, Layer)
    layer_uses = uses(subject)
    for flag, is_so in (
        ("mixes_examples", _mixes),
        ("differs_in_training", _differs),
        ("gives_views", _gives_views),
    ):
        if getattr(subject.cls, flag) and not any(map(is_so, layer_uses)):
            raise LawBroken(f"says {flag} = True, but no use of it shows so; leave it out")


def _mixes(use: Use) -> bool:
    passes, xs = use.passes(), use.inputs()
    y = passes.forward(xs)
    others = [np.concatenate([x[:1], x[1:] + 1]) for x in xs]
    if use.example.below is not None:
        others = [np.concatenate([x[:1], x[1:][::-1]]) for x in xs]
    return not close(passes.forward(others)[:1], y[:1])


def _differs(use: Use) -> bool:
    passes, xs = use.passes(), use.inputs()
    return not close(passes.forward(xs, training=True), passes.forward(xs, training=False))


def _gives_views(use: Use) -> bool:
    passes, xs = use.passes(), use.inputs()
    y = passes.layer.forward(*xs)
    dout = upstream(y)
    results = (y, *as_tuple(passes.layer.backward(dout)))
    return any(np.shares_memory(a, b) for a in results for b in (*xs, dout))
