"""enfold beside PCA, UMAP, t-SNE and the notebook's network.

A seed takes some 4 minutes of enfold's methods on two cores, and 25 of the others. These are a line of their own, as
they stay what they are when enfold changes. What a method found is kept at once in `benchmarks/comparisons/`, and not
done again.
"""

from functools import partial
from pathlib import Path
from statistics import mean

from seeds import Line, digits, markdown, origin

import enfold
from enfold.cli.comparing import watch
from enfold.metrics.intervals import Measurement
from enfold.metrics.registry import METRICS
from enfold.reductions import COMPARED, METHODS

FOLDERS = Path(__file__).with_name("comparisons")
OTHERS = ("umap", "tsne", "notebook")


def run(methods, seed):
    data = digits()
    found = enfold.compare(
        data.seen, test=data.unseen, methods=methods, seed=seed, out=FOLDERS / str(seed), watch=watch
    )
    return {"methods": found.rows, "settings": {}}


LINES = {
    "comparison": Line("enfold's methods", partial(run, [name for name in METHODS if name not in OTHERS]), ()),
    "others": Line("the methods beside them", partial(run, OTHERS), ()),
}


def section(results):
    """Return the methods' metrics, the mean of the seeds and in brackets their spread."""
    found, origins = {}, ""
    for result in (results[name] for name in LINES if name in results):
        methods = {}
        for row in (row for each in result["seeds"].values() for row in each["methods"]):
            methods.setdefault(row["method"], []).append(row)
        found |= methods
        origins += f"\n{', '.join(METHODS[name].title for name in methods)}: {origin(result)}\n"
    lines = [["method", *(METRICS[name].label for name in COMPARED), "places new points", "decodes", "seeds"]]
    lines += [
        [
            METHODS[name].title,
            *(over_seeds(METRICS[each], rows) for each in COMPARED),
            rows[0]["places_new_points"],
            rows[0]["decodes"],
            str(len(rows)),
        ]
        for name, rows in found.items()
    ]
    return f"""## Beside other methods

The split of MNIST is the same, with two dimensions, and each method has its usual settings. The table has the mean
of the seeds, and in brackets their spread. UMAP's reconstruction error is that of 200 images. Seconds are of
fitting, on the processors named below.

{markdown(lines)}
{origins}"""


def over_seeds(metric, rows):
    values = [row[metric.name] for row in rows if row[metric.name] is not None]
    if not values:
        return "–"
    spread = max(values) - min(values)
    return f"{metric.text(Measurement(mean(values)))} ({metric.number(Measurement(spread))})"
