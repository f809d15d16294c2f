"""enfold's side of the benchmarks: one job a process. Prints one JSON object.

python ours.py train    IMAGES BATCH WARM_UP TIMED      # images a second, in the recipe `notebook`
python ours.py quality  SEED SETTING=VALUE …            # seconds, in the recipe `default`, and the held-out metrics
python ours.py rows     IMAGES WHERE TIMED              # images a second, recipe `default`; WHERE: file, memory
python ours.py encode   IMAGES WARM_UP TIMED PRECISION  # seconds
python ours.py manifold SIDE                            # seconds
python ours.py read     SMALL LARGE                     # seconds for the large table, after the small one as warm-up
python ours.py make     FILE-ROWS.npy|csv               # writes that many rows of MNIST, over and over if need be
"""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from seeds import digits

import enfold
from enfold import build
from enfold.config import parse_settings
from enfold.devices import autocast_dtype
from enfold.inference import encode_means
from enfold.latent import manifold as decoded_grid
from enfold.learning import learn
from enfold.metrics import evaluate

PRECISION = None  # of training; None is the recipe's own, "auto" takes bfloat16 where the hardware has it
MNIST_SPEC = enfold.Spec((1, 28, 28), (enfold.Column("pixel", "intensity", scale=255.0),), "uint8")
WARM_UP = 2560  # images
MANIFOLDS = 10  # one takes too little time to be measured alone


def settings(recipe, **changes):
    precision = {} if PRECISION is None else {"precision": PRECISION}
    return enfold.RECIPES[recipe].config.with_settings({**precision, **changes})


def notebook(**changes):
    config = settings("notebook", **changes)
    return config, build.autoencoder(config, MNIST_SPEC)


def load(path):
    return np.load(path)[:, None]  # (n, 1, 28, 28), uint8


def seconds(f, *arguments):
    began = perf_counter()
    f(*arguments)
    return perf_counter() - began


def last(items):
    *_, item = items
    return item


def train(images, batch, warm_up, timed):
    x, (config, model) = load(images), notebook(batch_size=int(batch), epochs=1)
    warm_up, timed = int(warm_up), int(timed)
    last(enfold.train(model, x[:warm_up], config))
    rows = x[warm_up : warm_up + timed]
    return {"value": timed / seconds(lambda: last(enfold.train(model, rows, config)))}


def quality(seed, *changes):
    data = digits()
    config = settings("default", seed=int(seed), **parse_settings(changes))
    state, training = learn(replace(data, unseen=None), config, "cpu")
    taken = seconds(lambda: last(training))
    return {"value": taken, **evaluate(state.model, config, data.unseen, data.seen)}


def rows(images, where, timed):
    data = enfold.load(images)
    some = data.x.select(np.arange(0, len(data), len(data) // int(timed))[: int(timed)])
    x = some[:] if where == "memory" else some
    config = settings("default", epochs=1)
    last(enfold.train(build.autoencoder(config, data.spec), some[:WARM_UP], config))
    model = build.autoencoder(config, data.spec)
    return {"value": len(x) / seconds(lambda: last(enfold.train(model, x, config)))}


def encode(images, warm_up, timed, precision):
    x, (_, model) = load(images), notebook()
    encoding = partial(encode_means, dtype=autocast_dtype(model.device, precision))
    encoding(model, x[: int(warm_up)])
    return {"value": seconds(encoding, model, x[: int(timed)])}


def manifold(side):
    _, model = notebook()
    decoded_grid(model, side=int(side))
    return {"value": seconds(lambda: [decoded_grid(model, side=int(side)) for _ in range(MANIFOLDS)]) / MANIFOLDS}


def read(small, large):
    enfold.load(small)
    return {"value": seconds(enfold.load, large)}


def make(path):
    rows, data = int(Path(path).stem.rpartition("-")[2]), enfold.load("mnist")
    if path.endswith(".npy"):
        file = np.lib.format.open_memmap(path, "w+", np.uint8, (rows, 28, 28))
        for start in range(0, rows, len(data)):
            file[start : start + len(data)] = data.x[: rows - start, 0]
    else:
        write_table(path, data[:rows])
    return {"value": rows}


def write_table(path, data):
    import polars as pl

    pixels = pl.DataFrame(data.x.reshape(len(data), -1), [f"pixel{i}" for i in range(784)])
    pixels.insert_column(0, pl.Series("label", data.labels.astype(int))).write_csv(path)


if __name__ == "__main__":
    jobs = {f.__name__: f for f in (train, quality, rows, encode, manifold, read, make)}
    print(json.dumps(jobs[sys.argv[1]](*sys.argv[2:])))
