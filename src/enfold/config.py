"""Settings: a frozen dataclass that checks itself, and its TOML."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_type_hints

import tomli_w

from enfold.errors import InputError, unknown

OWN = "own"  # the name of a part that is an object of the user's
LARGEST_NUMBER = 1e300
LARGEST_WHOLE = 2**32 - 1  # of a seed of NumPy's legacy generator, which draws the split, and of any count


def setting(
    default: Any, help: str, *, low: float | None = None, above: float | None = None, high: float | None = None
) -> Any:
    """Return a dataclass field with what it means, its lowest and highest value, or the bound that it must exceed."""
    return field(default=default, metadata={"help": help, "low": low, "above": above, "high": high})


@dataclass(frozen=True)
class Config:
    """All settings of a fit. Each is a field; `enfold recipes` lists them with what they mean.

    Raises:
        InputError: A value is of the wrong type or out of range.
    """

    recipe: str = setting("default", "the recipe that these settings started from")
    network: str = setting("mlp", "encoder and decoder: mlp, conv (images), notebook (images)")
    encoder: str = setting("auto", "auto: the network's; own: a module passed in Python")
    decoder: str = setting("auto", "auto: the network's; own: a module passed in Python")
    width: int = setting(256, "the width of hidden layers, of conv that of the last one", low=1)
    depth: int = setting(3, "residual layers of the mlp on each side, of conv at each size", low=0)
    latent_dim: int = setting(2, "how many latent dimensions", low=1)
    posterior: str = setting("diagonal", "q(z|x): diagonal, full (normal); fsq, vq (codes)")
    prior: str = setting(
        "auto", "p(z): normal, mixture, vamp, realnvp, spline, codes, own; auto: codes with fsq and vq, else normal"
    )
    components: int = setting(100, "normals in the mixture prior, pseudo-inputs of the vamp prior", low=1)
    codes: int = setting(8, "values of a coordinate (fsq), or codes in a codebook (vq)", low=2)
    codebooks: int = setting(1, "codebooks, which share the coordinates of z evenly (vq)", low=1)
    likelihood: str = setting(
        "auto",
        "p(x|z): bernoulli, continuous_bernoulli, normal (a deviation a column), normal_each (one a value), "
        "logistic; auto: bernoulli for pixels, gray or color, else normal",
    )
    objective: str = setting("elbo", "what to minimize: elbo, iwae, tc, mmd, autoencoder, notebook, own")
    beta: float = setting(1.0, "the weight of the rate; 1 makes the elbo and the iwae bounds", low=0.0)
    rate_warm_up: float = setting(0.0, "the share of training in which that weight rises", low=0.0, high=1.0)
    free_bits: float = setting(0.0, "nats of the mean rate that cost nothing in the elbo", low=0.0)
    samples: int = setting(8, "draws of z in the iwae", low=1)
    penalty: float | Literal["auto"] = setting("auto", "the weight of the penalty in tc and mmd", low=0.0)
    corruption: str = setting(
        "none",
        "of what the encoder sees: none, gaussian, masking, salt_and_pepper, mixed (gaussian or salt_and_pepper, "
        "each example at a level of its own)",
    )
    corruption_level: float = setting(
        0.25, "its deviation, in each column's scale, or the share of values; of mixed, the highest", low=0.0
    )
    binarize: str = setting("none", "pixels: none, static (once), dynamic (anew each time)")
    condition: str = setting("none", "what encoder and decoder are told of an example: none, label")
    neighbors: int = setting(0, "of each row, that a map keeps near it; 0: none", low=0)
    neighbor_weight: float = setting(2.0, "the weight of keeping them, in nats for each value", low=0.0)
    optimizer: str = setting("adam", "adam, rmsprop (as Keras defines it)")
    adam_beta2: float = setting(0.999, "β₂ of adam: the decay of its mean square gradient", low=0.0, high=0.99999)
    learning_rate: float = setting(4e-3, "the highest step size", above=0.0)
    schedule: str = setting("cosine", "the learning rate over time: cosine (after a warm-up), one_cycle, constant")
    warm_up: float = setting(0.1, "the share of training in which the cosine's rate rises", low=0.0, high=0.9)
    batch_size: int = setting(256, "examples that pass through the network at once", low=1)
    accumulate: int = setting(1, "batches whose gradients make one step", low=1)
    clip: float = setting(0.0, "the largest norm of a step's gradient; 0: any", low=0.0)
    ema: float = setting(
        0.0, "decay of the moving average of the weights, as 0.999; 0: no average", low=0.0, high=0.99999
    )
    epochs: int | Literal["auto"] = setting("auto", "passes over the data; auto: by its size", low=1)
    minutes: float = setting(0.0, "train as long as that, instead of for epochs; 0: for epochs", low=0.0)
    patience: int = setting(0, "epochs without a lower held-out loss after which to stop; 0: never", low=0)
    keep: str = setting("last", "the weights to keep: last, best (on the held-out rows)")
    precision: str = setting("auto", "of training: float32, bfloat16; auto: bfloat16 where it is faster")
    devices: int = setting(1, "processes on each machine, with a device each, that share every batch", low=1)
    num_nodes: int = setting(1, "machines that share every batch", low=1)
    strategy: str = setting("ddp", "all weights in every process: ddp; a part of them in each: fsdp")
    holdout: float = setting(0.1, "rows held out: a share below 1, or a count; with --test, its rows", above=0.0)
    seed: int = setting(0, "of the split, the weights and the training", low=0)

    def __post_init__(self):
        hints = get_type_hints(type(self))
        for each in fields(self):
            value = _typed(each.name, getattr(self, each.name), hints[each.name])
            _check_range(each.name, value, each.metadata)
            object.__setattr__(self, each.name, value)

    @property
    def own(self) -> list[str]:
        """The names of the parts that are the user's own objects."""
        return [name for name, value in asdict(self).items() if value == OWN]

    @property
    def is_plain(self) -> bool:
        """Whether it is a plain autoencoder, of whose posterior only the mean has a meaning."""
        return self.objective == "autoencoder"

    @property
    def chooses_epoch(self) -> bool:
        """Whether the held-out rows choose the epoch whose weights are kept, so that figures on them flatter."""
        return self.keep == "best" or self.patience > 0

    def with_settings(self, settings: Mapping[str, Any]) -> "Config":
        """Return these settings with some replaced.

        Raises:
            InputError: A name is unknown, or a value is of the wrong type or out of range.
        """
        names = [each.name for each in fields(self)]
        for name in settings:
            if name not in names:
                raise unknown("setting", name, names)
        return replace(self, **settings)

    def changes(self, base: "Config") -> dict[str, Any]:
        """Return the settings that differ from those in `base`."""
        other = asdict(base)
        return {name: value for name, value in asdict(self).items() if value != other[name]}

    def to_toml(self) -> str:
        """Return the settings as TOML, one a line."""
        return tomli_w.dumps(asdict(self))

    @staticmethod
    def from_toml(text: str) -> "Config":
        """Return the settings in TOML that `to_toml` gave; settings that are not there keep their defaults.

        Raises:
            InputError: The text is no TOML, or a setting in it is not as it must be.
        """
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"The settings are no valid TOML ({error}).") from error
        return Config().with_settings(values)


def parse_settings(assignments: list[str]) -> dict[str, Any]:
    """Return the settings in "name=value" texts, with values as in TOML; a bare word is a text.

    Raises:
        InputError: A text has no "=".
    """
    settings = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"Expected name=value, as in --set beta=0.5, got '{assignment}'.")
        settings[name.strip()] = _parse(text.strip())
    return settings


def describe(config: Config) -> list[dict[str, Any]]:
    """Return each setting's name, value and meaning."""
    return [
        {"name": each.name, "value": getattr(config, each.name), "meaning": each.metadata["help"]}
        for each in fields(config)
    ]


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Return the value as its type hint asks: int, float, str, or int | Literal."""
    value = value.item() if getattr(value, "ndim", None) == 0 else value  # a number of NumPy
    if hint not in (int, float, str):
        integer, words = get_args(hint)
        return value if value in get_args(words) else _typed(name, value, integer)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER
    if hint is float and is_number:
        return float(value)
    if hint is int and is_number and abs(value) <= LARGEST_WHOLE and value == int(value):
        return int(value)
    if hint is str and isinstance(value, str):
        return value
    kinds = {int: "a whole number below 2³²", float: "a finite number", str: "a word"}
    raise InputError(f"The setting '{name}' must be {kinds[hint]}, got {value!r}.")


def _check_range(name: str, value: Any, bounds: Mapping[str, Any]) -> None:
    if isinstance(value, str):
        return
    low, above, high = bounds["low"], bounds["above"], bounds["high"]
    if high is not None and value > high:
        raise InputError(f"The setting '{name}' must be at most {high}, got {value}.")
    if low is not None and value < low:
        raise InputError(f"The setting '{name}' must be at least {low:g}, got {value}.")
    if above is not None and value <= above:
        raise InputError(f"The setting '{name}' must be above {above:g}, got {value}.")
