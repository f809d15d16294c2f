"""How good a model is, on rows that it has not seen: arrays and models → numbers, with their standard errors."""

from enfold.metrics.evaluation import Evaluation, as_evaluated, evaluate
from enfold.metrics.likelihood import log_likelihood

__all__ = ["Evaluation", "as_evaluated", "evaluate", "log_likelihood"]
