"""The built-in data sets, one file each."""

from layerkit.builtin.datasets.csv import Csv
from layerkit.builtin.datasets.digits import Digits
from layerkit.builtin.datasets.idx_arrays import Idx
from layerkit.builtin.datasets.images import Images
from layerkit.builtin.datasets.mnist import Mnist
from layerkit.builtin.datasets.npy import Npy
from layerkit.builtin.datasets.npz import Npz
from layerkit.builtin.datasets.spiral import Spiral

__all__ = ["Csv", "Digits", "Idx", "Images", "Mnist", "Npy", "Npz", "Spiral"]
