"""How good the models and their uses are on held-out digits, seed by seed → quality.json and QUALITY.md.

python benchmarks/quality.py               # all lines, some hours on two cores
python benchmarks/quality.py map default   # some; the others keep the results that they have
"""

import json
import sys
from datetime import date
from pathlib import Path

import clusters
import comparison
import denoising
import detection
import models
import torch
from environments import machine

RESULTS, PAGE = Path(__file__).with_name("quality.json"), Path(__file__).with_name("QUALITY.md")
MODULES = (models, comparison, clusters, denoising, detection)  # in the page's order
LINES = {name: line for module in MODULES for name, line in module.LINES.items()}


def main(names):
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name in names:
        about = {"machine": machine(), "date": date.today().isoformat(), "torch": torch.__version__}
        results[name] = {**about, "seeds": {}}
        for seed in LINES[name].seeds:
            results[name]["seeds"][str(seed)] = LINES[name].run(seed)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            PAGE.write_text(page(results), "utf-8")


def page(results):
    sections = [module.section(results) for module in MODULES if module.LINES.keys() & results.keys()]
    return "\n".join(
        [
            """# How good the models are

All metrics are measured on rows that training has not seen, and every seed that was run is here. `make quality`
writes this page from `quality.json`. ELBO, distortion, rate and NLL are in nats per image; the
[glossary](../docs/glossary.md) explains the words. *Known* is what others report. *Target* is what every seed
should reach, *stretch goal* what would be better still; "142: 3 of 3 seeds" means that all three seeds reach 142 or
better. *Spread* is the highest value less the lowest. Seconds are of training. Other work shared the machine at
times, so trainings with a time limit got fewer epochs.
""",
            *sections,
        ]
    )


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(LINES)
    unknown = [name for name in chosen if name not in LINES]
    sys.exit(f"there is no line '{unknown[0]}'; there are {', '.join(LINES)}") if unknown else main(chosen)
