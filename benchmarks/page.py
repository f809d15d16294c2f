"""Results → RESULTS.md."""

from statistics import median

from lines import KERAS_QUALITY, KERAS_SECONDS, MORE_IS_BETTER, Line

HEAD = """# How fast and how small

enfold beside its rivals, in turns (enfold, rival, enfold, rival, …), each turn a process of its own; start-up and
warm-up are left out where images are counted. A ratio above 1 is in enfold's favor; it is the median of the turns'
ratios, with the lowest and the highest. Written by `make bench` from `results.json`, for each processor that it ran
on: what one multiplies several times faster in bfloat16, another does at half its speed in float32."""
COLUMNS = """| line | what | rival | enfold | rival's | ratio | at least | goal | reached |
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
    parts += ["### How it was measured", *(method(line, result) for line, result in measured)]
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
    """Return the higher of the two bounds that the median keeps."""
    if line.floor is None or line.goal is None:
        return ""
    if line.name == "quality" and not all(map(is_as_good, result["details"])):
        return "neither: the figures fall short"
    value = median(ratios(line, result)) if line.is_ratio else -median(result["ours"])
    sign = 1 if line.is_ratio else -1
    return "goal" if value >= sign * line.goal else "floor" if value >= sign * line.floor else "neither"


def is_as_good(figures: dict) -> bool:
    """Return whether a run is at least as good as the notebook in Keras in all three figures."""
    bounds = ("negative_elbo", "distortion")
    at_most = all(figures[name] <= KERAS_QUALITY[name] for name in bounds)
    return at_most and figures["knn_accuracy"] >= KERAS_QUALITY["knn_accuracy"]


def quality(result: dict) -> str:
    names = ["value", *KERAS_QUALITY]
    rows = [[f"{each[name]:.4g}" for name in names] for each in result["details"]]
    spread = [[each[name] for each in result["details"]] for name in names]
    lines = [f"| {seed} | {' | '.join(row)} |" for seed, row in enumerate(rows)]
    lines.append(f"| spread | {' | '.join(f'{max(each) - min(each):.2g}' for each in spread)} |")
    keras = [KERAS_SECONDS, *KERAS_QUALITY.values()]
    return f"""### As good as Keras, sooner

The default recipe with the settings in the line's command below, on the split of `QUALITY.md` (5,000 rows held out,
seed 555). Seconds are of training alone, without evaluation. Keras's figures were measured once and not again for
this page; at least as good means all three of negative ELBO, distortion and 5-nn, for every seed. The settings were
chosen by looking at these held-out rows, so the figures are a little optimistic.

| seed | seconds | negative ELBO, nats | distortion, nats | 5-nn |
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

`enfold fit` of MNIST's rows over and over, one epoch of the default recipe. The epoch's seconds have the evaluation
of the held-out tenth in them; the seconds in all have start-up, figures and report as well. Peak memory counts the
pages of a mapped file that the system happens to keep; the last column is without them.

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
