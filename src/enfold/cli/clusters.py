"""The command `cluster`."""

from pathlib import Path
from textwrap import fill
from typing import Annotated, Literal

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.commands import unseen_and_known
from enfold.cli.metrics import WIDTH
from enfold.cli.output import Device, Json, Label, RunFolder, say, table
from enfold.cli.writing import check_suffix, write_columns
from enfold.errors import InputError

DIGITS = 6  # of memberships in a table


@app.command(help_format="markdown")
def cluster(
    run: RunFolder,
    /,
    *source: str,
    k: Annotated[str, Parameter(name=["--clusters", "-k"])] = "auto",
    by: str = "posterior",
    label: Label = None,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Assign rows to clusters that are found in the training rows; labels are only used to score them.

    Without a source, the run's held-out rows are clustered, and its report shows the result.

    Parameters
    ----------
    source
        Files, folders or data sets by name, with rows like those of the run. If the training data cannot be read
        again, clusters are found in the source.
    k
        Number of clusters; auto: the Bayesian information criterion chooses a number of Gaussians, and those that
        overlap are merged.
    by
        posterior: a Gaussian mixture fitted to the latent means; prior: the components of a mixture or vamp prior.
    out
        A .csv file with columns row, cluster, p0, p1, … (the probability of each cluster), label, and file for
        images in files; or a .png picture of the map and the rows nearest to each center.
    """
    import numpy as np

    from enfold.files import write
    from enfold.inference import latent_means
    from enfold.metrics import as_evaluated
    from enfold.report import write_report
    from enfold.run import only_process, open_run
    from enfold.sections import write_section
    from enfold.sections.clusters import clusters_section, find_clusters

    if out is not None:
        check_suffix(out, ".csv", ".png")
    opened = open_run(run, device)
    rows, known = unseen_and_known(opened, source, label)
    rows = as_evaluated(rows, opened.config, opened.spec)
    if known is None:
        found = find_clusters(opened, rows, _number(k), by=by, what="rows of the source")
    else:
        found = find_clusters(opened, as_evaluated(known, opened.config, opened.spec), _number(k), by=by)
    z = latent_means(opened.model, rows)
    section = clusters_section(found, rows, z)
    if not source:
        with only_process(opened):
            write_section(opened.folder, section)
            write_report(opened)
    if out is not None and out.suffix.lower() == ".png":
        write(out, section.picture)
    elif out is not None:
        numbers, shares = np.arange(len(rows)) if source else opened.split.held_out, found.clustering.memberships(z)
        of_each = {f"p{i}": each for i, each in enumerate(shares.round(DIGITS).T)}
        write_columns(out, {"row": numbers, "cluster": shares.argmax(1), **of_each}, rows)
    where = out if source or out is not None else opened.folder / "report.html"
    paragraphs = [section.finding, section.trust, *([f"Clusters: {where}"] if where else [])]
    text = "\n\n".join([table(section.table[0], section.table[1:]), *(fill(each, WIDTH) for each in paragraphs)])
    say(json, {"out": None if out is None else str(out), **section.values}, text)


def _number(k: str) -> int | Literal["auto"]:
    if k == "auto" or k.isdecimal():
        return "auto" if k == "auto" else int(k)
    raise InputError(f"Expected a number of clusters, such as -k 10, or -k auto, got '{k}'.")
