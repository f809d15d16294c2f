"""From settings to a model and to what it learns."""

from copy import deepcopy
from functools import partial

import numpy as np
from torch import nn

from enfold import corruptions
from enfold.config import Config
from enfold.corruptions import Change
from enfold.devices import seeded, usual_torch
from enfold.errors import InputError
from enfold.model import Autoencoder
from enfold.nets.heads import ConditionalDecoder, ConditionalEncoder, Normalize
from enfold.objectives.terms import Task
from enfold.options import Custom
from enfold.priors import Context
from enfold.rows import IN_MEMORY, Examples
from enfold.spec import Spec

IN_MODEL = ("encoder", "decoder", "prior")  # the parts that are modules and may be custom


def autoencoder(config: Config, spec: Spec) -> Autoencoder:
    """Return the model that the settings describe, for data as in `spec`, with weights drawn from the seed.

    Custom modules are copied, so that every model has its own weights.

    Raises:
        InputError: A choice does not fit the data, or a custom object does not fit or is missing.
    """
    check_custom(config, IN_MODEL)
    encoder, decoder, prior = deepcopy((config.encoder, config.decoder, config.prior))  # they may share weights
    with seeded(config.seed), usual_torch():
        head = config.likelihood.build(spec)
        classes = len(spec.conditions)
        net, features = encoder.build(config.network, spec)
        inner = nn.Sequential(Normalize(spec), net)
        q = config.posterior.build(features, config.latent_dim)
        config.network.initialize(q)
        outer = ConditionalEncoder(inner, q, features, classes) if classes else nn.Sequential(*inner, q)
        maker = nn.Sequential(decoder.build(config.network, config.latent_dim + classes, head), head)
        p = prior.build(Context(config.latent_dim, spec, outer, q))
    return Autoencoder(outer, ConditionalDecoder(maker, classes) if classes else maker, p, spec)


def task(config: Config, spec: Spec) -> Task:
    """Return what is to be learned from data as in `spec`.

    Raises:
        InputError: A choice does not fit the data, or a custom objective is missing.
    """
    check_custom(config, ("objective",))
    objective = config.objective
    changes = _binarize(config, spec), config.corruption.build(spec)
    return Task(objective.build(), objective.kl_weight(1.0), *changes, config.neighbor_weight * spec.size)


def check_custom(config: Config, parts: tuple[str, ...]) -> None:
    """Raise an InputError if one of the parts is a custom object and was not given again."""
    choices = ((part, getattr(config, part)) for part in parts)
    missing = [part for part, choice in choices if isinstance(choice, Custom) and choice.value is None]
    if missing:
        objects = ", ".join(f"{name}=…" for name in missing)
        raise InputError(
            f"The {' and the '.join(missing)} of this model came as Python objects, of which only weights are saved. "
            f"Pass what was passed to enfold.fit in Python again, as in enfold.open(folder, {objects})."
        )


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


def _binarize(config: Config, spec: Spec) -> Change | None:
    if config.binarize != "none" and spec.kind != "intensity":
        raise InputError(f"Only pixels can be binarized, and this is {spec}. Choose binarize=none.")
    return partial(corruptions.binarized, spec=spec) if config.binarize == "dynamic" else None
