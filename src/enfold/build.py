"""The only place where a name becomes an object."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import cos, pi
from typing import Any

import torch
from torch import nn

from enfold import objectives
from enfold.config import Config
from enfold.devices import seeded
from enfold.errors import InputError, unknown
from enfold.model import Autoencoder
from enfold.nets.heads import BernoulliPixels, DiagonalNormal, Normalise, NormalValues, at_most_one
from enfold.nets.mlp import mlp_decoder, mlp_encoder
from enfold.nets.notebook import FEATURES, NotebookDecoder, NotebookEncoder, glorot
from enfold.objectives import Objective
from enfold.optimizers import KerasRMSprop
from enfold.priors import StandardNormal
from enfold.spec import Spec

ONE_CYCLE_RISE, ONE_CYCLE_START = 0.3, 0.04  # of all steps; of the highest rate


def autoencoder(config: Config, spec: Spec) -> Autoencoder:
    """Return the model that the settings describe, for data as in `spec`, with weights drawn from the seed.

    Raises:
        InputError: A name is unknown, or the network does not fit the data.
    """
    with seeded(config.seed):
        encoder_net, features, decoder_net = _named(NETWORKS, config.network, "network")(config, spec)
        encoder = nn.Sequential(Normalise(spec), encoder_net, _posterior(config, features))
    decoder = nn.Sequential(decoder_net, likelihood(config.likelihood, spec))
    return Autoencoder(encoder, decoder, StandardNormal(config.latent_dim), spec)


def likelihood(name: str, spec: Spec) -> nn.Module:
    """Return the decoder's head: arrays of the data's shape → p(x|z).

    Raises:
        InputError: The name is unknown, or "bernoulli" is asked for data that are not intensities.
    """
    chosen = {"intensity": "bernoulli", "real": "normal"}[spec.kind] if name == "auto" else name
    if chosen == "bernoulli" and spec.kind != "intensity":
        raise InputError(
            "The Bernoulli likelihood needs values between 0 and a known maximum, such as pixels, but this is "
            f"{spec}. Choose likelihood=normal."
        )
    return _named(LIKELIHOODS, chosen, "likelihood")(spec)


def objective(config: Config) -> Objective:
    """Return the function to minimise, (model, x) → Terms."""
    table: dict[str, Objective] = {
        "elbo": partial(objectives.elbo, beta=config.beta),
        "autoencoder": objectives.autoencoder,
        "notebook": objectives.notebook,
    }
    return _named(table, config.objective, "objective")


def optimizer(config: Config, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer of the parameters."""
    return _named(OPTIMIZERS, config.optimizer, "optimizer")(list(parameters), lr=config.learning_rate)


def schedule(config: Config) -> Callable[[float], float]:
    """Return the factor of the learning rate as a function of the share of training that is done, in 0…1."""
    return partial(_named(SCHEDULES, config.schedule, "schedule"), warm_up=config.warm_up)


def _mlp(config: Config, spec: Spec) -> tuple[nn.Module, int, nn.Module]:
    encoder = mlp_encoder(spec.size, config.width, config.depth)
    return encoder, config.width, mlp_decoder(config.latent_dim, config.width, config.depth, spec.shape)


def _notebook(config: Config, spec: Spec) -> tuple[nn.Module, int, nn.Module]:
    return NotebookEncoder(spec.shape), FEATURES, NotebookDecoder(config.latent_dim, spec.shape)


def _posterior(config: Config, features: int) -> nn.Module:
    deviation = torch.exp if config.network == "notebook" else at_most_one
    head = DiagonalNormal(features, config.latent_dim, deviation)
    glorot(head)
    return head


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


NETWORKS = {"mlp": _mlp, "notebook": _notebook}
LIKELIHOODS = {"bernoulli": BernoulliPixels, "normal": NormalValues}
OPTIMIZERS = {"adam": partial(torch.optim.Adam, fused=True), "rmsprop": KerasRMSprop}
SCHEDULES = {"cosine": _cosine, "one_cycle": _one_cycle, "constant": _constant}
