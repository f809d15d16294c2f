"""Methods of dimensionality reduction, enfold's and others, fitted to and measured on the same rows."""

from enfold.reductions.methods import METHODS, Job, Method, Reduction, fitted
from enfold.reductions.results import COMPARED, Result, best, listed, measured

__all__ = [
    "COMPARED",
    "METHODS",
    "Job",
    "Method",
    "Reduction",
    "Result",
    "best",
    "fitted",
    "listed",
    "measured",
]
