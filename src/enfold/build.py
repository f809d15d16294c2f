"""The only place where a name becomes an object."""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from functools import partial
from math import cos, pi, prod
from typing import Any

import numpy as np
import torch
from torch import nn

from enfold import corruptions, objectives
from enfold.config import OWN, Config
from enfold.devices import seeded
from enfold.errors import InputError, unknown
from enfold.model import Autoencoder
from enfold.nets.conv import conv_decoder, conv_encoder
from enfold.nets.heads import ConditionalDecoder, ConditionalEncoder, Normalize
from enfold.nets.likelihoods import BernoulliPixels, ContinuousBernoulliPixels, LogisticPixels, NormalValues
from enfold.nets.mlp import mlp_decoder, mlp_encoder
from enfold.nets.notebook import FEATURES, NotebookDecoder, NotebookEncoder, glorot
from enfold.nets.posteriors import CodesPrior, DiagonalNormal, FiniteScalar, FullNormal, VectorQuantized, at_most_one
from enfold.objectives import Objective
from enfold.objectives.terms import Change, Task
from enfold.optimizers import Adam, KerasRMSprop
from enfold.parts import NONE_OWN, Parts, check_parts, own_decoder, own_encoder, own_prior
from enfold.priors import Flow, Mixture, StandardNormal, VampPrior
from enfold.rows import IN_MEMORY, Examples
from enfold.spec import Spec

ONE_CYCLE_RISE, ONE_CYCLE_START = 0.3, 0.04  # of all steps; of the highest rate
PSEUDO_INPUT = 0.1  # how far pseudo-inputs are from the middle of the data at first, in units of its scale


def autoencoder(config: Config, spec: Spec, parts: Parts = NONE_OWN) -> Autoencoder:
    """Return the model that the settings describe, for data as in `spec`, with weights drawn from the seed.

    Args:
        config: The settings.
        spec: What the data is.
        parts: The objects for what the settings call "own".

    Raises:
        InputError: A name is unknown, settings do not go together, a part does not fit the data, or is missing.
    """
    _check(config)
    check_parts(config, parts, ("encoder", "decoder", "prior"))
    encoder, decoder, prior = deepcopy((parts.encoder, parts.decoder, parts.prior))  # at once: they may share weights
    with seeded(config.seed):
        head = likelihood(config.likelihood, spec)
        make_encoder, make_decoder = _named(NETWORKS, config.network, "network")
        classes = len(spec.conditions)
        net, features = own_encoder(encoder, spec) if encoder else make_encoder(config, spec.shape)
        inner = nn.Sequential(Normalize(spec), net)
        q = _posterior(config, features)
        outer = ConditionalEncoder(inner, q, features, classes) if classes else nn.Sequential(*inner, q)
        inputs, shape = config.latent_dim + classes, head.shape
        back = own_decoder(decoder, inputs, shape) if decoder else make_decoder(config, inputs, shape)
        maker = nn.Sequential(back, head)
        p = own_prior(prior, config) if prior else _prior(config, spec, outer, q)
    return Autoencoder(outer, ConditionalDecoder(maker, classes) if classes else maker, p, spec)


def likelihood(name: str, spec: Spec) -> Any:
    """Return the decoder's head: arrays of its `shape` → p(x|z).

    Raises:
        InputError: The name is unknown, or the likelihood does not fit the data.
    """
    chosen = name if name != "auto" else "bernoulli" if spec.kind == "intensity" else "normal"
    kind = _named(LIKELIHOODS, chosen, "likelihood")
    if chosen in PIXEL_LIKELIHOODS and spec.kind != "intensity":
        raise InputError(
            f"The {chosen} likelihood needs values between 0 and a known maximum, such as pixels, but this is "
            f"{spec}. Choose likelihood=normal."
        )
    if chosen == "logistic" and not (spec.is_image and spec.dtype == "uint8"):
        raise InputError(
            f"The logistic likelihood is of images of whole intensities, but this is {spec}, {spec.dtype}. Choose "
            "likelihood=bernoulli or likelihood=normal."
        )
    return kind(spec)


def task(config: Config, spec: Spec, own: Objective | None = None) -> Task:
    """Return what is to be learned from data as in `spec`.

    Args:
        config: The settings.
        spec: What the data is.
        own: The objective, if it is the user's.

    Raises:
        InputError: A name in the settings is unknown, or does not fit the data, or the objective is missing.
    """
    changes = _binarize(config, spec), corruption(config, spec)
    return Task(objective(config, own), config.beta, *changes, config.neighbor_weight * spec.size)


def rows_to_learn(config: Config, spec: Spec, x: Examples) -> Examples:
    """Return raw rows, (n, *shape), as training takes them: binary, if the settings ask for that once and for all."""
    _binarize(config, spec)  # refuses what cannot be
    if config.binarize != "static":
        return x
    return corruptions.binarized_once(np.asarray(x) if x.nbytes <= IN_MEMORY else x, spec)  # once, if there is room


def rows_to_evaluate(config: Config, spec: Spec, x: Examples) -> Examples:
    """Return raw rows, (n, *shape), as evaluations take them: binary, the same each time, if training is on such.

    A bound on binary pixels is no bound on gray ones, and noise that changes would hide what a model gains.
    """
    _binarize(config, spec)
    return corruptions.binarized_once(x, spec) if config.binarize != "none" else x


def objective(config: Config, own: Objective | None = None) -> Objective:
    """Return the function to minimize, (model, x, beta) → Terms; `own` is the user's, if it is theirs."""
    check_parts(config, Parts(objective=own), ("objective",))
    return own or _named(OBJECTIVES, config.objective, "objective")(config)


def optimizer(config: Config, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer of the parameters."""
    return _named(OPTIMIZERS, config.optimizer, "optimizer")(config, list(parameters))


def schedule(config: Config) -> Callable[[float], float]:
    """Return the factor of the learning rate as a function of the share of training that is done, in 0…1."""
    return partial(_named(SCHEDULES, config.schedule, "schedule"), warm_up=config.warm_up)


def _weight(config: Config) -> dict[str, float]:
    return {} if config.penalty == "auto" else {"weight": config.penalty}


def _check(config: Config) -> None:
    """Raise an InputError for settings that do not go together, or that nothing but training would look at."""
    if config.keep not in ("last", "best"):
        raise unknown("keep", config.keep, ("last", "best"))
    for name, values, other, allowed, why in DEMANDS:
        value, has = getattr(config, name), getattr(config, other)
        if value in values and has not in allowed:
            raise InputError(
                f"With {name}={value}, {other} must be {' or '.join(map(str, allowed))}, got {has}: {why}. Set "
                f"{other}={allowed[0]}, or choose another {name}."
            )


def _mlp_encoder(config: Config, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    return mlp_encoder(prod(shape), config.width, config.depth), config.width


def _mlp_decoder(config: Config, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    return mlp_decoder(inputs, config.width, config.depth, shape)


def _conv_encoder(config: Config, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    return conv_encoder(shape, config.width, config.depth), config.width


def _conv_decoder(config: Config, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    return conv_decoder(inputs, config.width, config.depth, shape)


def _posterior(config: Config, features: int) -> nn.Module:
    head = _named(POSTERIORS, config.posterior, "posterior")(config, features)
    if config.network == "notebook":
        glorot(head)
    return head


def _diagonal(config: Config, features: int) -> nn.Module:
    deviation = torch.exp if config.network == "notebook" else at_most_one
    return DiagonalNormal(features, config.latent_dim, deviation)


def _vq(config: Config, features: int) -> nn.Module:
    books = config.codebooks
    if config.latent_dim % books:
        raise InputError(
            f"{books} codebooks cannot share {config.latent_dim} latent dimensions evenly. Choose a multiple, as "
            f"with --latent-dim {books * max(1, config.latent_dim // books)}."
        )
    return VectorQuantized(features, config.latent_dim, config.codes, books)


def _prior(config: Config, spec: Spec, encoder: nn.Module, posterior: nn.Module) -> nn.Module:
    auto = "codes" if config.posterior in CODES else "normal"
    make = _named(PRIORS, auto if config.prior == "auto" else config.prior, "prior")
    return make(config, spec, encoder, posterior)


def _vamp(config: Config, spec: Spec, encoder: nn.Module, _: nn.Module) -> nn.Module:
    offset, scale = torch.from_numpy(spec.offset), torch.from_numpy(spec.scale)
    middle = offset + (0.5 * scale if spec.kind == "intensity" else 0)
    begin = middle + PSEUDO_INPUT * scale * torch.randn(config.components, *spec.shape)
    limits = (0.0, float(spec.scale.min())) if spec.kind == "intensity" else None
    return VampPrior(encoder, begin, scale, limits)


def _binarize(config: Config, spec: Spec) -> Change | None:
    chosen = _named({"none": False, "static": False, "dynamic": True}, config.binarize, "binarization")
    if config.binarize != "none" and spec.kind != "intensity":
        raise InputError(f"Only pixels can be binarized, and this is {spec}. Choose binarize=none.")
    return partial(corruptions.binarized, spec=spec) if chosen else None


def corruption(config: Config, spec: Spec) -> Change | None:
    """Return what the encoder is given instead of an example, or None if it is given the example."""
    chosen = _named(CORRUPTIONS, config.corruption, "corruption")
    if config.corruption in ("masking", "salt_and_pepper", "mixed") and config.corruption_level > 1:
        raise InputError(
            f"With corruption={config.corruption}, corruption_level is a share of the values, at most 1, got "
            f"{config.corruption_level:g}. Set corruption_level=0.25."
        )
    return chosen and partial(chosen, spec=spec, level=config.corruption_level)


def _cosine(done: float, warm_up: float) -> float:
    """Rise linearly over the warm-up, then fall as half a cosine to zero (Loshchilov & Hutter 2017)."""
    if done < warm_up:
        return done / warm_up
    return _half_cosine((done - warm_up) / (1 - warm_up))


def _one_cycle(done: float, warm_up: float) -> float:
    """Rise as half a cosine from a 25th of the rate over 30 %, then fall to zero (Smith & Topin 2018)."""
    if done < ONE_CYCLE_RISE:
        return 1 - (1 - ONE_CYCLE_START) * _half_cosine(done / ONE_CYCLE_RISE)
    return _half_cosine((done - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))


def _constant(done: float, warm_up: float) -> float:
    """Stay at the rate from the first step on."""
    return 1.0


def _half_cosine(done: float) -> float:
    return 0.5 + 0.5 * cos(pi * done)


def _named(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise unknown(what, name, table)
    return table[name]


OBJECTIVES: dict[str, Callable[[Config], Objective]] = {
    "elbo": lambda config: partial(objectives.elbo, free_bits=config.free_bits),
    "iwae": lambda config: partial(objectives.importance_weighted, samples=config.samples),
    "tc": lambda config: partial(objectives.total_correlation, **_weight(config)),
    "mmd": lambda config: partial(objectives.mmd, **_weight(config)),
    "autoencoder": lambda config: objectives.autoencoder,
    "notebook": lambda config: objectives.notebook,
}
NETWORKS = {
    "mlp": (_mlp_encoder, _mlp_decoder),
    "conv": (_conv_encoder, _conv_decoder),
    "notebook": (
        lambda config, shape: (NotebookEncoder(shape), FEATURES),
        lambda config, inputs, shape: NotebookDecoder(inputs, shape),
    ),
}
POSTERIORS = {
    "diagonal": _diagonal,
    "full": lambda config, features: (
        FullNormal(features, config.latent_dim) if config.latent_dim > 1 else _diagonal(config, features)
    ),
    "fsq": lambda config, features: FiniteScalar(features, config.latent_dim, config.codes),
    "vq": _vq,
}
PRIORS = {
    "normal": lambda config, *_: StandardNormal(config.latent_dim),
    "mixture": lambda config, *_: Mixture(config.latent_dim, config.components),
    "vamp": _vamp,
    "realnvp": lambda config, *_: Flow(config.latent_dim, "realnvp"),
    "spline": lambda config, *_: Flow(config.latent_dim, "spline"),
    "codes": lambda config, spec, encoder, posterior: CodesPrior(posterior),
}
PIXEL_LIKELIHOODS = {
    "bernoulli": BernoulliPixels,
    "continuous_bernoulli": ContinuousBernoulliPixels,
    "logistic": LogisticPixels,
}
LIKELIHOODS = {**PIXEL_LIKELIHOODS, "normal": NormalValues, "normal_each": partial(NormalValues, each=True)}
CORRUPTIONS = {
    "none": None,
    "gaussian": corruptions.gaussian,
    "masking": corruptions.masking,
    "salt_and_pepper": corruptions.salt_and_pepper,
    "mixed": corruptions.mixed,
}
OPTIMIZERS = {
    "adam": lambda config, parameters: Adam(
        parameters, config.learning_rate, betas=(0.9, config.adam_beta2), fused=True
    ),
    "rmsprop": lambda config, parameters: KerasRMSprop(parameters, config.learning_rate),
}
CODES = ("fsq", "vq")
DEMANDS = (  # where one setting has one of some values, another must have one of some; and why
    ("posterior", CODES, "prior", ("auto", "codes", OWN), "a prior of codes is a table of chances"),
    ("prior", ("codes",), "posterior", CODES, "only these give codes"),
    ("objective", ("iwae", "tc", "mmd"), "posterior", ("diagonal", "full"), "it needs the density of q(z|x)"),
    ("objective", ("notebook",), "posterior", ("diagonal",), "its loss is of independent deviations"),
    (
        "objective",
        ("autoencoder",),
        "posterior",
        ("diagonal", *CODES),
        "it draws no noise, so it learns no covariance",
    ),
    ("objective", ("autoencoder", "notebook"), "prior", ("auto", "normal", "codes"), "it does not learn a prior"),
    ("beta", (0,), "prior", ("auto", "normal", "codes", OWN), "only the rate teaches a prior"),
    ("posterior", CODES, "neighbors", (0,), "codes cannot be moved near each other bit by bit"),
    ("condition", ("label",), "neighbors", (0,), "z leaves out the class then, by which rows are neighbors"),
)
SCHEDULES = {"cosine": _cosine, "one_cycle": _one_cycle, "constant": _constant}
