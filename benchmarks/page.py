"""Results → RESULTS.md."""

from statistics import median

from lines import KERAS_QUALITY, KERAS_SECONDS, MORE_IS_BETTER, Line

HEAD = """# How fast and how small

enfold and another library run in turns (enfold, the other, enfold, the other, …), each turn in a process of its
own. Where images a second are counted, start-up and the first steps are left out. A ratio above 1 means that enfold
is faster or smaller. It is the median of the turns' ratios, with the lowest and the highest in brackets. *Target*
is what enfold should reach, *stretch goal* what would be better still. `make bench` writes this page from
`results.json`, for each processor that it ran on. Processors differ much: one multiplies several times faster in
bfloat16 than in float32, another at half the speed."""
MEASURED = "Commands are as they were typed; options have the names that they had in that commit of enfold."
COLUMNS = """| line | what | beside | enfold | the other | ratio | target | stretch goal | reached |
|---|---|---|---|---|---|---|---|---|
"""


def page(table: list[Line], results: dict[str, dict]) -> str:
    """Return the page of all processors and lines that have results."""
    return "\n\n".join([HEAD, *(section(name, table, found) for name, found in results.items() if found)]) + "\n"


def section(processor: str, table: list[Line], results: dict) -> str:
    measured = [(line, results[line.key]) for line in table if line.key in results]
    rows = "\n".join(summary(line, result) for line, result in measured if line.name != "linear")
    parts = [f"## {processor}", COLUMNS + rows if rows else ""]
    parts += [quality(result) for line, result in measured if line.name == "quality"]
    parts += [linear([pair for pair in measured if pair[0].name == "linear"])]
    parts += ["### How it was measured", MEASURED, *(method(line, result) for line, result in measured)]
    return "\n\n".join(part for part in parts if part)


def ratios(line: Line, result: dict) -> list[float]:
    pairs = zip(result["ours"], result["theirs"], strict=False)  # without a rival there are none
    return [ours / theirs if line.unit == MORE_IS_BETTER else theirs / ours for ours, theirs in pairs]


def summary(line: Line, result: dict) -> str:
    found, theirs = ratios(line, result), result["theirs"]
    cells = [line.name, line.what, line.rival or "none", amount(median(result["ours"]), line.unit)]
    cells += [amount(median(theirs), line.unit) if theirs else ""]
    cells += [f"{median(found):.3g} ({min(found):.3g} … {max(found):.3g})" if found else ""]
    cells += [bound(line.floor, line), bound(line.goal, line), reached(line, result)]
    return f"| {' | '.join(cells)} |"


def amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 1000 else f"{value:.3g} {unit}"


def bound(value: float | None, line: Line) -> str:
    if value is None:
        return ""
    return f"{value:g} ×" if line.is_ratio else f"≤ {value:g} {line.unit}"


def reached(line: Line, result: dict) -> str:
    """Return the better one of the target and the stretch goal that the median reaches."""
    if line.floor is None or line.goal is None:
        return ""
    if line.name == "quality" and not all(map(is_as_good, result["details"])):
        return "neither: the metrics fall short"
    value = median(ratios(line, result)) if line.is_ratio else -median(result["ours"])
    sign = 1 if line.is_ratio else -1
    return "stretch goal" if value >= sign * line.goal else "target" if value >= sign * line.floor else "neither"


def is_as_good(metrics: dict) -> bool:
    """Return whether a run is at least as good as the notebook in Keras in all three metrics."""
    bounds = ("negative_elbo", "distortion")
    at_most = all(metrics[name] <= KERAS_QUALITY[name] for name in bounds)
    return at_most and metrics["knn_accuracy"] >= KERAS_QUALITY["knn_accuracy"]


def quality(result: dict) -> str:
    names = ["value", *KERAS_QUALITY]
    rows = [[f"{each[name]:.4g}" for name in names] for each in result["details"]]
    spread = [[each[name] for each in result["details"]] for name in names]
    lines = [f"| {seed} | {' | '.join(row)} |" for seed, row in enumerate(rows)]
    lines.append(f"| spread | {' | '.join(f'{max(each) - min(each):.2g}' for each in spread)} |")
    keras = [KERAS_SECONDS, *KERAS_QUALITY.values()]
    return f"""### As good as Keras, sooner

How long must enfold train to be as good as the notebook in Keras: in negative ELBO, distortion and 5-NN accuracy,
with every seed? This is the default recipe with the settings in the command of the line `quality` below, on the
split of `QUALITY.md` (5,000 rows held out, seed 555). Seconds are of training alone. Keras was measured once, and
not again for this page. The settings were chosen by looking at these held-out rows, so the metrics are a little
optimistic.

| seed | seconds | negative ELBO, nats | distortion, nats | 5-NN |
|---|---|---|---|---|
{chr(10).join(lines)}
| Keras | {" | ".join(f"{each:g}" for each in keras)} |"""


def linear(measured: list[tuple[Line, dict]]) -> str:
    if not measured:
        return ""
    rows = []
    for line, result in measured:
        seconds, found = median(result["ours"]), result["details"][-1]
        cells = [f"{line.rows:,}", f"{seconds:.3g}", f"{seconds / line.rows * 1e6:.3g}", f"{found['wall']:.3g}"]
        rows.append(f"| {' | '.join([*cells, format(found['memory'], '.2f'), format(found['own_memory'], '.2f')])} |")
    return f"""### Cost grows linearly

`enfold fit` runs one epoch of the default recipe on MNIST's rows, repeated as often as needed. The seconds an epoch
include the evaluation of the held-out tenth; the seconds in all also include start-up, metrics, pictures and
report. Peak memory includes pages of the data file that the system happens to keep in memory; the last column does
not.

| rows | seconds an epoch | seconds a million rows | seconds in all | peak memory, GB | of its own, GB |
|---|---|---|---|---|---|
{chr(10).join(rows)}"""


def method(line: Line, result: dict) -> str:
    """Return one line's commands, versions and machine."""
    versions = "; ".join(result["versions"].values())
    turns = f"{len(result['ours'])} turns" if len(result["ours"]) > 1 else "1 turn"
    known = f"- {line.rival}: {line.known:g} {line.unit}, known, not measured again\n" if line.known else ""
    return (
        f"**{line.key}**: {turns}, {result['date']}, load {result['load']} before\n"
        + "".join(f"- `{command}`\n" for command in result["commands"].values())
        + known
        + f"- {versions}\n- {result['machine']}"
    )
