"""What is measured: a table of lines, each with its commands, its rival, and what it must reach."""

from dataclasses import dataclass, replace

QUICK_RECIPE = {  # changes to the default recipe
    "epochs": 4,
    "learning_rate": 0.008,
    "lr_warmup": 0.2,
    "beta2": 0.95,
    "depth": 2,
}
KERAS_QUALITY = {"negative_elbo": 147.2, "distortion": 138.1, "knn_accuracy": 0.757}  # after 540 s, see QUALITY.md
KERAS_SECONDS = 540.0
MORE_IS_BETTER = "images/s"


@dataclass(frozen=True)
class Line:
    """One comparison. In commands, DATA is a folder of data, OUT a new folder, TURN the number of the turn from 0.

    Attributes:
        name: What to call it on the command line; lines against different rivals may share it.
        measure: What of a child counts: "value", which it prints, "wall" seconds, "memory" in GB, "train_seconds".
        theirs: The rival's command, or None where there is none to run.
        known: The rival's value, where it was measured once and is not measured again.
        floor, goal: Of the median ratio if `is_ratio`, else of enfold's own median, which must be at most that.
        rows: Of the data, in lines about how the cost grows with them.
    """

    name: str
    what: str
    unit: str
    ours: str
    rival: str | None = None
    theirs: str | None = None
    known: float | None = None
    measure: str = "value"
    floor: float | None = None
    goal: float | None = None
    is_ratio: bool = True
    turns: int = 5
    rows: int = 0

    @property
    def key(self) -> str:
        return f"{self.name} / {self.rival or self.what}"


@dataclass(frozen=True)
class Sizes:
    """How much of everything; batches are those of steps in training."""

    turns: int = 5
    seeds: int = 3
    helps: int = 21
    warm_up_batches: int = 20
    timed: tuple[int, int] = (4_000, 6_400)  # images at batch 16 and at batch 128
    encoded: int = 60_000
    side: int = 20
    table_rows: int = 42_000
    fitted: str = "mnist"
    held_out: int = 5_000
    quality_epochs: int = QUICK_RECIPE["epochs"]
    unread: tuple[int, int] = (700_000, 180_000)
    linear: tuple[int, ...] = (10_000, 70_000, 700_000, 7_000_000)


QUICK = Sizes(2, 1, 2, 2, (64, 256), 1_000, 3, 500, "DATA/mnist-1000.npy", 500, 1, (400_000, 2_000), (1_000, 2_000))

ENFOLD = ".venv/bin/enfold"
OURS = ".venv/bin/python benchmarks/ours.py"
KERAS = ".venv-keras/bin/python benchmarks/rivals/keras_notebook.py"
PYTHAE = ".venv-pythae/bin/python benchmarks/rivals/pythae_notebook.py"
TORCH = ".venv/bin/python benchmarks/rivals/plain_torch.py"
PANDAS = ".venv/bin/python benchmarks/rivals/pandas_csv.py"
MNIST = "DATA/mnist-70000.npy"


def lines(sizes: Sizes) -> list[Line]:
    small, large = sizes.timed
    return [
        *_training(sizes, 16, small, {"Keras": (1.6, 3.0)}),
        *_training(sizes, 128, large, {"Keras": (1.7, 3.0), "pythae": (2.5, 3.0)}),
        _quality(sizes),
        *_against_keras(sizes),
        Line(
            "help",
            "`enfold --help`, a fresh process",
            "s",
            f"{ENFOLD} --help",
            measure="wall",
            floor=0.25,
            goal=0.12,
            is_ratio=False,
            turns=sizes.helps,
        ),
        _reading(sizes),
        *_memory(sizes),
        _unread(sizes),
        *(_linear(rows) for rows in sizes.linear),
    ]


def _training(sizes: Sizes, batch: int, timed: int, bounds: dict[str, tuple[float, float]]) -> list[Line]:
    job = f"{MNIST} {batch} {sizes.warm_up_batches * batch} {timed}"
    rivals = {"Keras": f"{KERAS} train {job}", "pythae": f"{PYTHAE} {job}", "plain PyTorch": f"{TORCH} {job}"}
    what, ours = f"training the notebook's network, batch {batch}", f"{OURS} train {job}"
    found = []
    for rival, theirs in rivals.items():
        floor, goal = bounds.get(rival, (None, None))
        line = Line(f"training-{batch}", what, MORE_IS_BETTER, ours, rival, theirs, turns=sizes.turns)
        found.append(replace(line, floor=floor, goal=goal))
    return found


def _quality(sizes: Sizes) -> Line:
    what = "training until the held-out metrics are as good as Keras's after 540 s"
    settings = {**QUICK_RECIPE, "epochs": sizes.quality_epochs}
    ours = f"{OURS} quality TURN {' '.join(f'{name}={value}' for name, value in settings.items())}"
    return Line(
        "quality",
        what,
        "s",
        ours,
        "Keras",
        known=KERAS_SECONDS,
        floor=12.0,
        goal=5.0,
        is_ratio=False,
        turns=sizes.seeds,
    )


def _against_keras(sizes: Sizes) -> list[Line]:
    encode, manifold = f"encode {MNIST} 320 {sizes.encoded}", f"manifold {sizes.side}"
    what = f"encoding {sizes.encoded:,} images, the notebook's network"
    encodings = [
        Line(
            name,
            what + how,
            "s",
            f"{OURS} {encode} {precision}",
            "Keras",
            f"{KERAS} {encode}",
            floor=4.0,
            goal=8.0,
            turns=sizes.turns,
        )
        for name, precision, how in (("encode", "float32", ""), ("encode-auto", "auto", ", `--precision auto`"))
    ]
    return [
        *encodings,
        Line(
            "manifold",
            f"the {sizes.side} × {sizes.side} manifold of decoded images; Keras: a `predict` for each cell",
            "s",
            f"{OURS} {manifold}",
            "Keras",
            f"{KERAS} {manifold}",
            floor=100.0,
            goal=500.0,
            turns=sizes.turns,
        ),
    ]


def _reading(sizes: Sizes) -> Line:
    files = f"DATA/mnist-200.csv DATA/mnist-{sizes.table_rows}.csv"
    what = f"reading a table of {sizes.table_rows:,} digits from CSV to uint8"
    ours, theirs = f"{OURS} read {files}", f"{PANDAS} {files}"
    return Line("csv", what, "s", ours, "pandas", theirs, floor=2.5, goal=4.0, turns=sizes.turns)


def _memory(sizes: Sizes) -> list[Line]:
    options = f"--epochs 1 --holdout {sizes.held_out} --out OUT --json"
    theirs = f"{KERAS} fit {MNIST if sizes.fitted == 'mnist' else sizes.fitted} {sizes.held_out}"
    bounds = {"measure": "memory", "floor": 0.8, "goal": 0.6, "is_ratio": False, "turns": min(sizes.turns, 2)}
    return [
        Line(
            "memory",
            f"peak memory of `enfold fit`, recipe {recipe}",
            "GB",
            f"{ENFOLD} fit {sizes.fitted} --recipe {recipe} {options}",
            rival,
            command,
            **bounds,
        )
        for recipe, rival, command in (("notebook", "Keras", theirs), ("default", None, None))
    ]


def _unread(sizes: Sizes) -> Line:
    job = f"{OURS} rows DATA/mnist-{sizes.unread[0]}.npy"
    file, memory = (f"{job} {where} {sizes.unread[1]}" for where in ("file", "memory"))
    what = f"training the default recipe on {sizes.unread[1]:,} of {sizes.unread[0]:,} rows in a file"
    line = Line("unread", what, MORE_IS_BETTER, file, "the rows in memory", memory, turns=sizes.turns)
    return replace(line, floor=0.9, goal=0.95)


def _linear(rows: int) -> Line:
    ours = f"{ENFOLD} fit DATA/mnist-{rows}.npy --epochs 1 --out OUT --json"
    return Line(
        "linear",
        f"an epoch of {rows:,} rows, a tenth held out",
        "s",
        ours,
        measure="train_seconds",
        turns=1,
        rows=rows,
    )
