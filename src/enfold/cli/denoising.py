"""The command that removes noise."""

from enfold.cli import app
from enfold.cli.output import Device, Json, Label, OutExamples, RunFolder, say
from enfold.cli.writing import check_examples, required, write_examples
from enfold.errors import InputError

MOST_NAMED = 10  # doubtful rows


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
    """Write what noisy examples were without their noise, by a run of the recipe denoise.

    How well, and how far to trust it, stands in the run's report under "How well it removes noise". Rows from which
    more was taken than from any held-out row with the noise of training are named as doubtful, counted from 0: they
    have more noise than the model knows, or are of another kind. Rows that are not named need not be right.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with examples of the run's kind, in raw units. Their noise may be of any
        level up to the highest in training; no more is added.
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
            f"{run} was fitted to examples without noise, and would not know it. Fit with --recipe denoise, or see "
            "what this model makes of the examples with enfold reconstruct."
        )
    data = load_like(opened.spec, *required(source), label=label)
    made = reconstructed_means(opened.model, data.x, conditions(data.labels, opened.spec))
    doubts = doubtful(opened, np.asarray(data.x), made)
    write_examples(out, made, opened.spec)
    text = f"{len(made):,} denoised examples: {out}{_warning(doubts or [])}"
    say(json, {"out": str(out), "rows": len(made), "doubtful": doubts}, text)


def _warning(doubts: list[int]) -> str:
    if not doubts:
        return ""
    some = ", ".join(map(str, doubts[:MOST_NAMED])) + (", …" if len(doubts) > MOST_NAMED else "")
    return (
        f"\n{len(doubts):,} are doubtful: more was taken from them than the noise of training explains. Rows {some}"
    )
