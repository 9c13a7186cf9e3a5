"""Mutants of the laws about what layers declare."""

from layerkit import Array, Layer
from mutants.catalogue import breaks
from mutants.layers.sound import OfScale, Scale


@breaks("its_outputs_mean_what_it_says", 'says meaning = "probabilities", but its outputs go from')
class CallsThemProbabilities(OfScale):
    __doc__ = Scale.__doc__
    meaning = "probabilities"


@breaks("its_outputs_mean_what_it_says", "where its inputs are from 0 to 1")
class CallsThemTheSame(OfScale):
    __doc__ = Scale.__doc__
    meaning = "same"


@breaks("its_outputs_mean_what_it_says", "meaning must be one of numbers, probabilities, logits")
class MeansSomethingElse(OfScale):
    __doc__ = Scale.__doc__
    meaning = "chances"


@breaks("examples_do_not_mix", "an example gives something else alone than in a batch")
class Mixes(Layer):
    """Takes off the mean of the batch, ``y = x - mean(x)``.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``
    """

    def forward(self, x: Array) -> Array:
        return x - x.sum(axis=0) / max(1, len(x))

    def backward(self, dout: Array) -> Array:
        return dout - dout.sum(axis=0) / max(1, len(dout))


@breaks("modes_differ_only_if_it_says_so", "differs_in_training = True")
class HalvesInEvaluation(OfScale):
    __doc__ = Scale.__doc__

    def forward(self, x: Array) -> Array:
        self._factor = 1.0 if self.training else 0.5
        return self._factor * super().forward(x)

    def backward(self, dout: Array) -> Array:
        return super().backward(self._factor * dout)


@breaks("it_is_what_it_says_of_itself", "says mixes_examples = True, but no use of it shows so")
class SaysThatItMixes(OfScale):
    __doc__ = Scale.__doc__
    mixes_examples = True
