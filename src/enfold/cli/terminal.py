"""Progress of training: a live bar in a terminal, otherwise lines."""

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from enfold.objectives import Losses
from enfold.training import Progress


def watch(items: Iterator[Progress]) -> Iterator[Progress]:
    """Yield the items and show each on standard error as it passes."""
    console = Console(stderr=True)
    console.print("−ELBO = distortion + rate, in nats per row; lower is better", style="dim")
    return _with_bar(items, console) if console.is_terminal else _with_lines(items, console)


def _with_bar(items: Iterator[Progress], console: Console) -> Iterator[Progress]:
    columns = TextColumn("{task.description}"), BarColumn(bar_width=24), TimeRemainingColumn(compact=True)
    with Bars(*columns, TextColumn("{task.fields[losses]}"), console=console) as bars:
        task = bars.add_task("preparing", total=None, losses="")
        held_out = ""
        for item in items:
            if item.note:
                bars.console.print(item.note)
            if item.held_out is not None:
                held_out = f" · held out {_losses(item.held_out)}"
            losses = f"{item.rows_per_second:,.0f} rows/s · training {_losses(item.train)}{held_out}"
            what = f"epoch {item.epoch}/{item.epochs}" if item.stage == "training" else item.stage
            bars.update(task, description=what, completed=item.step, total=item.steps, losses=losses)
            yield item


def _with_lines(items: Iterator[Progress], console: Console) -> Iterator[Progress]:
    for item in items:
        if item.note:
            console.print(item.note)
        if item.stage != "training":
            console.print(f"{item.stage} …", highlight=False)
        if item.ends_epoch:
            remaining = item.seconds / item.step * (item.steps - item.step)
            held_out = f" · held out {_losses(item.held_out)}" if item.held_out else ""
            line = f"epoch {item.epoch}/{item.epochs} · {item.rows_per_second:,.0f} rows/s · {remaining:.0f} s left"
            console.print(f"{line} · training {_losses(item.train)}{held_out}", highlight=False, soft_wrap=True)
        yield item


def _losses(losses: Losses) -> str:
    """Return the negative ELBO, the distortion and the rate, in nats per row; without a rate, the distortion."""
    if losses.rate == 0:
        return f"distortion {losses.distortion:.1f}"
    return f"−ELBO {losses.distortion + losses.rate:.1f} = {losses.distortion:.1f} + {losses.rate:.1f}"
