from layerkit import Array

MOST_SHARES: int
BLOCK: int
AFFINE: int
SPARSE_AFFINE: int
RELU: int
SIGMOID: int
TANH: int
LSTM: int
SOFTMAX_OF_LABELS: int
SOFTMAX_OF_PROBABILITIES: int
MEAN_SQUARED_ERROR: int
BYTES: int
INTS: int
LONGS: int
FLOATS: int
DOUBLES: int

class Program:
    shares: int
    def __init__(
        self,
        *,
        sgemm: int,
        layers: tuple[tuple[int, int, int, int, int, int, bool, bool], ...],
        loss: int,
        params: Array,
        grads: Array,
        x: Array,
        t: Array,
        x_kind: int,
        t_kind: int,
        scale: float,
        inputs: int,
        outputs: int,
        batch: int,
        shares: int,
        looks_once: bool,
        weights: Array | None = None,
    ) -> None: ...
    def gradients(self, indices: Array, /) -> float: ...
    def outputs(self, x: Array, y: Array, /) -> None: ...

def sgd(
    params: Array,
    grads: Array,
    velocity: Array | None,
    rate: float,
    momentum: float,
    weight_decay: float,
    nesterov: bool,
    /,
) -> None: ...
def adam(
    params: Array,
    grads: Array,
    gradients: Array,
    squares: Array,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    kept: float,
    /,
) -> None: ...
def use_threads(count: int, /) -> None: ...
