from layerkit_sequence import (
    Addition,
    Embedding,
    Gru,
    Lstm,
    PositionalEncoding,
    Rnn,
    SelfAttention,
)

from layerkit.testing import parametrize_with_checks


@parametrize_with_checks([Addition, Embedding, Gru, Lstm, PositionalEncoding, Rnn, SelfAttention])
def test_conformance(check):
    check()
