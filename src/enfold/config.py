"""Settings: a frozen dataclass of choices and numbers that checks itself, read from and written to TOML."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import tomli_w

from enfold.corruptions import Corruption, Nothing
from enfold.errors import InputError, unknown
from enfold.nets import conv as conv  # only so that its choices are known
from enfold.nets import notebook as notebook  # likewise
from enfold.nets.likelihoods import Auto as AutoLikelihood
from enfold.nets.likelihoods import Likelihood
from enfold.nets.mlp import MLP
from enfold.nets.network import Decoder, Encoder, Network, NetworkDecoder, NetworkEncoder
from enfold.nets.posteriors import Diagonal, Posterior
from enfold.objectives import ELBO, Objective
from enfold.optimizers import Adam, OptimizerChoice
from enfold.options import (
    CHOICES,
    Choice,
    Custom,
    Option,
    check_options,
    chosen,
    described,
    differences,
    option,
    option_names,
    owner,
    to_table,
    with_options,
)
from enfold.priors import Auto as AutoPrior
from enfold.priors import Prior
from enfold.schedules import Cosine, Schedule

ELSEWHERE = {  # what other libraries call a setting
    "n_components": "latent_dim",
    "lr": "learning_rate",
    "n_epochs": "epochs",
    "max_iter": "epochs",
    "max_epochs": "epochs",
    "random_state": "seed",
    "validation_fraction": "holdout",
    "kl_weight": "beta",
}


@dataclass(frozen=True)
class Config:
    """All settings of a fit: a choice for each part of the model and of its training, and other values.

    `enfold recipes` lists them. A choice is given by name, `prior="vamp"`, or with its options,
    `prior=enfold.priors.Vamp(components=50)`; `Config.of` also takes the options of chosen parts by name.

    Raises:
        InputError: A value is of the wrong type or out of range, or choices do not go together.
    """

    recipe: str = option("default", "recipe that these settings started from")
    network: Network = field(default=MLP())
    encoder: Encoder = field(default=NetworkEncoder())
    decoder: Decoder = field(default=NetworkDecoder())
    posterior: Posterior = field(default=Diagonal())
    prior: Prior = field(default=AutoPrior())
    likelihood: Likelihood = field(default=AutoLikelihood())
    objective: Objective = field(default=ELBO())
    optimizer: OptimizerChoice = field(default=Adam())
    schedule: Schedule = field(default=Cosine())
    corruption: Corruption = field(default=Nothing())
    latent_dim: int = option(2, "number of latent dimensions", low=1)
    binarize: Literal["none", "static", "dynamic"] = option(
        "none", "draw pixels black or white by their intensity: none; static, once; dynamic, in each batch"
    )
    condition: Literal["none", "label"] = option("none", "what encoder and decoder are conditioned on: none, label")
    n_neighbors: int = option(0, "number of nearest neighbors that the map preserves; 0 turns it off", low=0)
    neighbor_weight: float = option(2.0, "weight of preserving them, in nats for each value", low=0.0)
    batch_size: int = option(256, "rows in a batch", low=1)
    accumulate: int = option(1, "batches for each step of the optimizer (gradient accumulation)", low=1)
    clip: float = option(0.0, "largest norm of the gradient, to which it is clipped; 0: no limit", low=0.0)
    ema: float = option(
        0.0, "decay of the moving average of the weights, such as 0.999; 0: no average", low=0.0, high=0.99999
    )
    epochs: int | Literal["auto"] = option("auto", "passes over the data; auto: chosen by its size", low=1)
    minutes: float = option(0.0, "training time, instead of a number of epochs; 0: train for epochs", low=0.0)
    patience: int = option(0, "epochs without a lower held-out loss after which training stops; 0: never", low=0)
    keep: Literal["last", "best"] = option("last", "which weights to keep: last, or best on the held-out rows")
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "training precision: float32, bfloat16; auto: bfloat16 where it is faster"
    )
    devices: int = option(1, "processes on each machine, with a device each, that share every batch", low=1)
    num_nodes: int = option(1, "machines that share every batch", low=1)
    strategy: Literal["ddp", "fsdp"] = option(
        "ddp", "how processes keep the weights: ddp, each has all; fsdp, each has a part"
    )
    holdout: float = option(0.1, "rows to hold out: a share below 1, or a count; not with test data", above=0.0)
    seed: int = option(0, "random seed of the split, the initial weights and training", low=0)

    def __post_init__(self):
        for part in CHOICES:
            default = type(self).__dataclass_fields__[part].default
            object.__setattr__(self, part, chosen(part, getattr(self, part), default))
        check_options(self)
        _check_needs(self)

    @staticmethod
    def of(**settings: Any) -> "Config":
        """Return the default settings with some replaced; see `with_settings`.

        Raises:
            InputError: A setting is not as it must be, or is a recipe, which has settings of its own.
        """
        if "recipe" in settings:
            raise InputError(f"Start from the recipe itself: enfold.RECIPES[{settings['recipe']!r}].config.")
        return Config().with_settings(settings)

    @property
    def choices(self) -> dict[str, Choice]:
        """The choice of each part, by the part's name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name in CHOICES}

    @property
    def custom(self) -> list[str]:
        """The parts that are custom objects."""
        return [part for part, choice in self.choices.items() if isinstance(choice, Custom)]

    @property
    def is_plain(self) -> bool:
        """Whether it is a plain autoencoder, whose posterior has a mean but no meaningful width."""
        return self.objective.is_plain

    @property
    def has_prior(self) -> bool:
        """Whether there is a prior to draw from; a plain autoencoder has one only if its posterior is discrete."""
        return not self.is_plain or self.posterior.is_discrete

    @property
    def chooses_epoch(self) -> bool:
        """Whether the held-out rows choose the epoch whose weights are kept, so metrics on them are optimistic."""
        return self.keep == "best" or self.patience > 0

    def with_settings(self, settings: Mapping[str, Any]) -> "Config":
        """Return these settings with some replaced.

        Args:
            settings: Fields of `Config`; for a part a name, a table with a name and options, a choice, or an object
                that are custom; and options of the chosen parts, as "components" or "prior.components".

        Raises:
            InputError: A name is unknown or of a part that is not chosen, or a value is of the wrong type or out of
                range.
        """
        names = [each.name for each in fields(self)]
        given = {name: value for name, value in settings.items() if name in names and name not in CHOICES}
        if given.get("minutes") and "epochs" not in given:
            given["epochs"] = "auto"
        choices = {
            part: chosen(part, settings[part], choice) if part in settings else choice
            for part, choice in self.choices.items()
        }
        typed = self._options(settings, choices)
        if "network" in typed and isinstance(choices["encoder"], Custom) and isinstance(choices["decoder"], Custom):
            name = next(iter(typed["network"]))
            raise InputError(f"'{name}' has no effect: the encoder and the decoder are custom. Leave it out.")
        for part, options in typed.items():
            choices[part] = with_options(choices[part], options)
        return replace(self, **given, **choices)

    def _options(self, settings: Mapping[str, Any], choices: Mapping[str, Choice]) -> dict[str, dict[str, Any]]:
        """Return what is set of the options of each chosen part."""
        names, found = [each.name for each in fields(self)], {}
        for name, value in settings.items():
            if name in names:
                continue
            if name in ELSEWHERE:
                raise InputError(f"There is no setting named '{name}'; here it is called '{ELSEWHERE[name]}'.")
            if "." not in name and name not in option_names():
                raise unknown("setting", name, {*names, *option_names()})
            part, of = owner(name, choices)
            table = settings.get(part)
            if of in found.setdefault(part, {}) or (isinstance(table, Mapping) and of in table):
                raise InputError(f"'{of}' of the {part} is set twice. Set it once.")
            found[part][of] = value
        return found

    def changes(self, base: "Config") -> dict[str, Any]:
        """Return what differs from other settings, as `with_settings` takes it."""
        found: dict[str, Any] = {}
        for each in fields(self):
            mine, other = getattr(self, each.name), getattr(base, each.name)
            if not isinstance(mine, Choice):
                found |= {each.name: mine} if mine != other else {}
                continue
            found |= {each.name: mine.name} if mine.name != other.name else {}
            found |= {f"{each.name}.{name}": value for name, value in differences(mine, other).items()}
        return found

    def to_toml(self) -> str:
        """Return the settings as TOML: one a line, and a table for each choice."""
        plain = {each.name: each.value for each in described(self)}
        return tomli_w.dumps(plain | {part: to_table(choice) for part, choice in self.choices.items()})

    @staticmethod
    def from_toml(text: str) -> "Config":
        """Return the settings in TOML that `to_toml` gave; settings that are not there keep their defaults.

        Raises:
            InputError: The text is no TOML, or a setting in it is not as it must be.
        """
        try:
            values = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"The settings are not valid TOML ({error}).") from error
        return Config().with_settings(values)


def parse_settings(assignments: list[str]) -> dict[str, Any]:
    """Return the settings in "name=value" texts, with values as in TOML; a bare word is a text.

    Raises:
        InputError: A text has no "=", a name is set twice, or it is a recipe, which has settings of its own.
    """
    settings = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InputError(f"Expected name=value, as in --set beta=0.5, got '{assignment}'.")
        if name.strip() == "recipe":
            raise InputError(f"A recipe is no single setting. Choose it with --recipe {text.strip()}.")
        if name.strip() in settings:
            raise InputError(f"'{name.strip()}' is set twice. Set it once.")
        settings[name.strip()] = _parse(text.strip())
    return settings


def describe(config: Config) -> list[Option]:
    """Return each setting, each choice as "part" and each of its options as "part.option"."""
    return [each for every in fields(config) for each in _described(config, every.name)]


def _described(config: Config, name: str) -> Iterator[Option]:
    value = getattr(config, name)
    if not isinstance(value, Choice):
        yield next(each for each in described(config) if each.name == name)
        return
    yield Option(name, value.name, value.summary())
    for each in described(value):
        yield Option(f"{name}.{each.name}", each.value, each.meaning)


def _check_needs(config: Config) -> None:
    """Raise an InputError for settings that do not go together."""
    for part, choice in config.choices.items():
        for of, allowed, why in choice.needs():
            _check_need(config, f"{part}={choice.name}", of, allowed, why)
    if config.condition == "label":
        _check_need(config, "condition=label", "n_neighbors", (0,), "z leaves out the class")
    if not config.n_neighbors and config.neighbor_weight != Config.neighbor_weight:
        raise InputError("'neighbor_weight' has no effect without neighbors. Set n_neighbors=15, or leave it out.")
    if config.minutes and config.epochs != "auto":
        raise InputError(f"Training lasts {config.epochs} epochs or {config.minutes:g} minutes. Give one of them.")


def _check_need(config: Config, what: str, of: str, allowed: tuple[Any, ...], why: str) -> None:
    has = getattr(config, of)
    has = has.name if isinstance(has, Choice) else has
    if has not in allowed:
        raise InputError(
            f"With {what}, {of} must be {' or '.join(map(str, allowed))}, got {has}: {why}. Set {of}={allowed[0]}, "
            f"or change {what.partition('=')[0]}."
        )


def _parse(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
