"""enfold folds a data set into a small latent space that one can look at, walk through, sample from and trust.

>>> import enfold
>>> data = enfold.load("digits")
>>> run = enfold.fit(data, out="runs/mine")
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from enfold.version import __version__ as __version__

if TYPE_CHECKING:
    from enfold.comparison import Comparison, compare
    from enfold.config import Config
    from enfold.data import Dataset, load
    from enfold.errors import InputError
    from enfold.estimators import AE, VAE
    from enfold.fitting import fit, resume
    from enfold.model import Autoencoder
    from enfold.objectives import Terms
    from enfold.recipes import RECIPES
    from enfold.run import Run
    from enfold.run import open_run as open
    from enfold.spec import Column, Spec
    from enfold.training import Progress, train


_HOMES = {  # so that importing enfold costs nothing until a name is used
    "AE": "estimators",
    "VAE": "estimators",
    "Autoencoder": "model",
    "Column": "spec",
    "Comparison": "comparison",
    "Config": "config",
    "Dataset": "data",
    "InputError": "errors",
    "Progress": "training",
    "RECIPES": "recipes",
    "Run": "run",
    "Spec": "spec",
    "Terms": "objectives",
    "compare": "comparison",
    "fit": "fitting",
    "load": "data",
    "open": "run",
    "resume": "fitting",
    "train": "training",
}

__all__ = [  # noqa: RUF022 - the order is classes, then functions
    "AE",
    "VAE",
    "Autoencoder",
    "Column",
    "Comparison",
    "Config",
    "Dataset",
    "InputError",
    "Progress",
    "RECIPES",
    "Run",
    "Spec",
    "Terms",
    "compare",
    "fit",
    "load",
    "open",
    "resume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        if name.startswith("_") or find_spec(f"enfold.{name}") is None:
            raise AttributeError(f"module 'enfold' has no attribute '{name}'")
        return import_module(f"enfold.{name}")  # such as enfold.priors, without an import of its own
    return getattr(import_module(f"enfold.{_HOMES[name]}"), "open_run" if name == "open" else name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
