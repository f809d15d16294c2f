"""What a model is good for, as sections of its run's report: a finding, a picture, and how far to trust them.

A section is one function, `(run, held_out, training) -> Section | None`, in a module of its own, and one entry of
`SECTIONS`. It takes rows as evaluations do, and returns None if the model or the data has no such use.
"""

from collections.abc import Callable

from enfold.data.dataset import Dataset
from enfold.metrics import as_evaluated
from enfold.run import Run
from enfold.sections.clusters import clusters
from enfold.sections.denoising import denoising
from enfold.sections.detection import detection
from enfold.sections.generation import generation
from enfold.sections.interpolation import interpolation
from enfold.sections.reduction import reduction
from enfold.sections.section import Section, read_sections, write_section

SECTIONS: tuple[Callable[[Run, Dataset, Dataset], Section | None], ...] = (
    reduction,
    clusters,
    denoising,
    generation,
    interpolation,
    detection,
)
ORDER = tuple(each.__name__ for each in SECTIONS)  # on the page

__all__ = ["ORDER", "SECTIONS", "Section", "read_sections", "write_section", "write_sections"]


def write_sections(run: Run, held_out: Dataset, training: Dataset) -> None:
    """Write all sections that a run has into its folder.

    Args:
        run: The run; it has its weights.
        held_out: Rows that the model has not seen.
        training: Rows that it was fitted to.

    Raises:
        InputError: The folder cannot be written to.
    """
    held_out, training = (as_evaluated(each, run.config, run.model.spec) for each in (held_out, training))
    for make in SECTIONS:
        section = make(run, held_out, training)
        if section is not None:
            write_section(run.folder, section)
