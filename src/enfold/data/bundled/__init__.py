"""The data sets that come with enfold or with scikit-learn, by name."""

import hashlib
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from enfold.data.dataset import Dataset, join
from enfold.data.idx import read_idx
from enfold.errors import InputError
from enfold.spec import Column, Spec

MNIST = Path(__file__).parent / "mnist"
MNIST_SHA256 = {  # of the uncompressed image files
    "train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "t10k": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
}


def mnist() -> Dataset:
    """Return MNIST: 70,000 handwritten digits, the 60,000 training images first (LeCun, Cortes & Burges 1998).

    Raises:
        InputError: The bundled images are not the canonical ones.
    """
    return join([BUNDLED[part]() for part in PARTS["mnist"]])


def digits() -> Dataset:
    """Return scikit-learn's digits: 1,797 handwritten digits of 8 × 8 pixels in 0…16 (Alpaydin & Kaynak 1998)."""
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    x = np.asarray(values, np.uint8).reshape(-1, 1, 8, 8)
    spec = Spec(x.shape[1:], (Column("pixel", "intensity", scale=16.0),), "uint8")
    return Dataset(x, np.asarray(labels, np.float64), spec)


def _mnist_part(name: str) -> Dataset:
    part = read_idx(MNIST / f"{name}-images-idx3-ubyte.gz")
    header = struct.pack(">4B3I", 0, 0, 8, 3, len(part), 28, 28)
    if hashlib.sha256(header + np.asarray(part.x).tobytes()).hexdigest() != MNIST_SHA256[name]:
        raise InputError(f"The bundled MNIST images ({name}) were changed. Install enfold again.")
    return part


PARTS = {"mnist": ("mnist-train", "mnist-test")}  # of data sets that join others
BUNDLED: dict[str, Callable[[], Dataset]] = {
    "mnist": mnist,
    "mnist-train": partial(_mnist_part, "train"),
    "mnist-test": partial(_mnist_part, "t10k"),
    "digits": digits,
}
