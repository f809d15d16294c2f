"""The command `denoise`."""

from enfold.cli import app
from enfold.cli.output import Device, Json, Label, OutExamples, RunFolder, say
from enfold.cli.writing import check_examples, required, write_examples
from enfold.errors import InputError, first_of


@app.command(help_format="markdown")
def denoise(
    run: RunFolder,
    /,
    *source: str,
    label: Label = None,
    out: OutExamples,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Remove noise from rows, with a model that was fitted with --recipe denoise.

    The run's report says under "Removing noise" how well that works. The command lists doubtful rows, counted from 0:
    they change more than any held-out row with the noise of training, as they have more noise or are of another kind.
    Other rows can be wrong too.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with rows like those of the run, in raw units. Their noise may have any
        level up to the highest in training; enfold adds none.
    """
    import numpy as np

    from enfold.data import load_like
    from enfold.inference import conditions, reconstructed_means
    from enfold.run import open_run
    from enfold.sections.denoising import doubtful

    opened = open_run(run, device)
    check_examples(out, opened.spec)
    if opened.config.corruption.name == "none":
        raise InputError(
            f"{run} was fitted to rows without noise and cannot remove it. Fit with --recipe denoise, or reconstruct "
            "the rows with enfold reconstruct."
        )
    data = load_like(opened.spec, *required(source), label=label)
    made = reconstructed_means(opened.model, data.x, conditions(data.labels, opened.spec))
    doubts = doubtful(opened, np.asarray(data.x), made)
    write_examples(out, made, opened.spec)
    text = f"{len(made):,} denoised rows: {out}{_warning(doubts or [])}"
    say(json, {"out": str(out), "rows": len(made), "doubtful": doubts}, text)


def _warning(doubts: list[int]) -> str:
    if not doubts:
        return ""
    rows = first_of(map(str, doubts))
    return f"\n{len(doubts):,} are doubtful: they changed more than the noise of training explains. Rows {rows}"
