from layerkit.testing import parametrize_with_checks
from layerkit_conv import AveragePool2d, Conv1d, Conv2d, GlobalAveragePool, MaxPool2d


@parametrize_with_checks([AveragePool2d, Conv1d, Conv2d, GlobalAveragePool, MaxPool2d])
def test_conformance(check):
    check()
