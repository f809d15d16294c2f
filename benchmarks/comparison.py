"""enfold beside PCA, UMAP, t-SNE and the notebook's network, three seeds → comparison.json, a section of QUALITY.md.

python benchmarks/comparison.py            # all methods, some 25 minutes a seed on two cores; most is the notebook's
python benchmarks/comparison.py pca umap   # some; the others keep the results that they have

What a method found is kept at once in `benchmarks/comparisons/`, and not done again by the same command.
"""

import json
import sys
from datetime import date
from pathlib import Path
from statistics import mean

import torch
from environments import machine

import enfold
from enfold.cli.comparing import watch
from enfold.data.split import held_out_rows, training_rows
from enfold.reductions import FIGURES, METHODS

RESULTS, FOLDERS = Path(__file__).with_name("comparison.json"), Path(__file__).with_name("comparisons")
HELD_OUT, SPLIT_SEED = 5000, 555
SEEDS = (0, 1, 2)


def main(names):
    data = enfold.load("mnist")
    held_out = held_out_rows(len(data), HELD_OUT, SPLIT_SEED)
    seen, unseen = data[training_rows(len(data), held_out)], data[held_out]
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"seeds": {}}
    for seed in SEEDS:
        known = {row["method"]: row for row in results["seeds"].get(str(seed), [])}
        found = enfold.compare(seen, test=unseen, methods=names, seed=seed, out=FOLDERS / str(seed), watch=watch)
        known |= {row["method"]: row for row in found.rows}
        results |= {"machine": machine(), "date": date.today().isoformat(), "torch": torch.__version__}
        results["seeds"][str(seed)] = [known[name] for name in METHODS if name in known]
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def section(results):
    """Return the methods' figures, the mean of the seeds and in brackets their spread, as Markdown."""
    found = {}
    for rows in results["seeds"].values():
        for row in rows:
            found.setdefault(row["method"], []).append(row)
    lines = [["method", *(kind.label for kind in FIGURES.values()), "places new points", "decodes", "seeds"]]
    lines += [["---"] * len(lines[0])]
    lines += [
        [
            METHODS[name].title,
            *(over_seeds(name_of, kind, rows) for name_of, kind in FIGURES.items()),
            rows[0]["places_new_points"],
            rows[0]["decodes"],
            str(len(rows)),
        ]
        for name, rows in found.items()
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\n{results['date']}, {results['machine']}, torch {results['torch']}\n"


def over_seeds(name, kind, rows):
    values = [row[name] for row in rows if row[name] is not None]
    if not values:
        return "–"
    spread = max(values) - min(values)
    return f"{mean(values):.{kind.places}f} ({spread:.{kind.places}f})"


if __name__ == "__main__":
    main(sys.argv[1:] or None)
