"""How good a model is, on rows that it has not seen: arrays and models → numbers, with their standard errors."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from enfold.metrics.evaluation import evaluate
    from enfold.metrics.likelihood import log_likelihood
    from enfold.metrics.quantities import Evaluation, as_evaluated

__all__ = ["Evaluation", "as_evaluated", "evaluate", "log_likelihood"]
_MODULES = {"evaluate": "evaluation", "log_likelihood": "likelihood"}


def __getattr__(name: str) -> Any:
    """Import what needs scikit-learn when it is first used: the registry is read where nothing is measured."""
    if name not in __all__:
        raise AttributeError(f"module 'enfold.metrics' has no attribute '{name}'")
    return getattr(import_module(f"enfold.metrics.{_MODULES.get(name, 'quantities')}"), name)
