"""Ways to few dimensions, enfold's and others': fitted to the same rows, and measured on the same held-out ones."""

from enfold.reductions.methods import METHODS, Job, Method, Reduction, fitted
from enfold.reductions.results import FIGURES, Result, best, listed, measured, shown

__all__ = [
    "FIGURES",
    "METHODS",
    "Job",
    "Method",
    "Reduction",
    "Result",
    "best",
    "fitted",
    "listed",
    "measured",
    "shown",
]
