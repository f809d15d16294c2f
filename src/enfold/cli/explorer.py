"""The commands `explore`, `share` and `export`."""

import sys
from typing import Annotated

from cyclopts import Parameter

from enfold.cli import app
from enfold.cli.output import Device, Json, Out, RunFolder, Whole, say
from enfold.cli.writing import check_suffix


@app.command(help_format="markdown")
def explore(
    run: RunFolder,
    /,
    *source: str,
    rows: Whole | None = None,
    port: Whole = 0,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Explore a run's latent space in the browser: see its rows, decode any point, encode a drawing.

    The page is served to this machine only, until Ctrl-C.

    Parameters
    ----------
    source
        Files, folders or data sets by name with the rows to show, of the run's kind. By default all rows of the run,
        training and held-out.
    rows
        The most rows to show, held-out rows first; by default all, or as many as fit in 256 MB.
    port
        Port of the page; by default a free one.
    browser
        Whether to open the browser. The address is always printed.
    """
    from enfold.explorer import serve
    from enfold.run import open_run

    def announce(address: str) -> None:
        say(json, {"address": address}, f"Explorer: {address} (Ctrl-C ends it)")
        sys.stdout.flush()

    serve(open_run(run, device), *source, rows=rows, port=port, browser=browser, announce=announce)


@app.command(help_format="markdown")
def share(
    run: RunFolder,
    /,
    *source: str,
    rows: Whole | None = None,
    out: Out,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Write the explorer as one HTML file that works offline; it contains the model and the rows.

    Parameters
    ----------
    source
        Files, folders or data sets by name with the rows to show, of the run's kind. By default all rows of the run,
        training and held-out.
    rows
        The most rows to show, held-out rows first; by default all, or as many as fit in 256 MB.
    out
        The .html file to write.
    """
    from enfold.explorer import share as write_page
    from enfold.run import open_run

    check_suffix(out, ".html", ".htm")
    write_page(open_run(run, device), *source, out=out, rows=rows)
    size = out.stat().st_size
    say(json, {"out": str(out), "bytes": size}, f"{size / 1e6:,.1f} MB: {out}")


@app.command(help_format="markdown")
def export(run: RunFolder, /, *, out: Out, json: Json = False) -> None:
    """Export a run's encoder and decoder as ONNX files, for programs without PyTorch.

    Parameters
    ----------
    out
        The folder for encoder.onnx, decoder.onnx, spec.json, and a README.md that shows how to use them.
    """
    from enfold.export import export as write_model
    from enfold.run import open_run

    folder = write_model(open_run(run, "cpu"), out)
    files = ["encoder.onnx", "decoder.onnx", "spec.json", "README.md"]
    say(json, {"out": str(folder), "files": files}, f"Encoder and decoder: {folder}")
