"""The commands that show a run in the browser, and that give it away."""

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
    """Open a run in the browser: see where each row lies, walk through the latent space, draw into it.

    The page is served to this machine alone, until Ctrl-C.

    Parameters
    ----------
    source
        What to show: files, folders or data sets by name, with examples of the run's kind. Without any, all rows that
        the run was fitted to or that were held out.
    rows
        How many rows to show at most, held-out ones first; without it, all, or as many as 256 MB of examples are.
    port
        Where to serve it; without it, a port that is free.
    browser
        Whether to open the browser; the address is printed in any case.
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
    """Write the explorer's page as one file that works offline, with the model and the rows inside.

    Parameters
    ----------
    source
        What to show: files, folders or data sets by name, with examples of the run's kind. Without any, all rows that
        the run was fitted to or that were held out.
    rows
        How many rows to show at most, held-out ones first; without it, all, or as many as 256 MB of examples are.
    out
        An .html file.
    """
    from enfold.explorer import share as write_page
    from enfold.run import open_run

    check_suffix(out, ".html", ".htm")
    write_page(open_run(run, device), *source, out=out, rows=rows)
    size = out.stat().st_size
    say(json, {"out": str(out), "bytes": size}, f"{size / 1e6:,.1f} MB: {out}")


@app.command(help_format="markdown")
def export(run: RunFolder, /, *, out: Out, json: Json = False) -> None:
    """Write a run's encoder and decoder as ONNX files, for programs without PyTorch.

    Parameters
    ----------
    out
        The folder for encoder.onnx, decoder.onnx, spec.json, and a README.md that says how to use them.
    """
    from enfold.export import export as write_model
    from enfold.run import open_run

    folder = write_model(open_run(run, "cpu"), out)
    files = ["encoder.onnx", "decoder.onnx", "spec.json", "README.md"]
    say(json, {"out": str(folder), "files": files}, f"Encoder and decoder: {folder}")
