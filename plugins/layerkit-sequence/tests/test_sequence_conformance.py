from layerkit.testing import parametrize_with_checks
from layerkit_sequence import (
    Addition,
    Embedding,
    Gru,
    Lstm,
    PositionalEncoding,
    Rnn,
    SelfAttention,
)


@parametrize_with_checks([Addition, Embedding, Gru, Lstm, PositionalEncoding, Rnn, SelfAttention])
def test_conformance(check):
    check()
