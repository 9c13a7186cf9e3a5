"""Layers for sequences: embedding, recurrence and attention."""

from layerkit import Registrar, hookimpl
from layerkit_sequence.addition import Addition
from layerkit_sequence.embedding import Embedding
from layerkit_sequence.gru import Gru
from layerkit_sequence.lstm import Lstm
from layerkit_sequence.positional_encoding import PositionalEncoding
from layerkit_sequence.rnn import Rnn
from layerkit_sequence.self_attention import SelfAttention

__all__ = [
    "Addition",
    "Embedding",
    "Gru",
    "Lstm",
    "PositionalEncoding",
    "Rnn",
    "SelfAttention",
]


@hookimpl
def layerkit_register(registry: Registrar) -> None:
    """Register the layers and the data set."""
    registry.layer("embedding", Embedding)
    registry.layer("gru", Gru)
    registry.layer("lstm", Lstm)
    registry.layer("positional_encoding", PositionalEncoding)
    registry.layer("rnn", Rnn)
    registry.layer("self_attention", SelfAttention)
    registry.dataset("addition", Addition)
