"""A user's own objects in a model: what they are, and whether they fit."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn

from enfold.config import OWN, Config
from enfold.errors import InputError, unknown
from enfold.objectives import Objective
from enfold.spec import Spec


@dataclass(frozen=True)
class Parts:
    """A user's own objects in the place of named parts of a model; the settings call these parts "own".

    The modules are copied, so that every model has weights of its own. A run keeps their weights, not what they are.

    Attributes:
        encoder: Normalized examples, (B, *shape) → features, (B, any).
        decoder: Latent vectors and classes, if any, (B, latent_dim + classes) → (B, *shape of the likelihood).
        prior: () → p(z) over (latent_dim,).
        objective: (model, x, beta) → Terms.

    Raises:
        InputError: An object is of the wrong kind.
    """

    encoder: nn.Module | None = None
    decoder: nn.Module | None = None
    prior: nn.Module | None = None
    objective: Objective | None = None

    def __post_init__(self):
        for name, given in vars(self).items():
            if not (given is None or isinstance(given, nn.Module) or (name == "objective" and callable(given))):
                kind = "a function (model, x, beta) → Terms" if name == "objective" else "a torch.nn.Module"
                raise InputError(f"The {name} must be {kind}, got {given!r}. Pass such an object, or leave it out.")

    @staticmethod
    def given(objects: Mapping[str, Any]) -> "Parts":
        """Return the objects as parts.

        Raises:
            InputError: There is no part of a name.
        """
        names = [each.name for each in fields(Parts)]
        for name in objects:
            if name not in names:
                raise unknown("part", name, names)
        return Parts(**objects)

    @staticmethod
    def among(settings: Mapping[str, Any]) -> tuple["Parts", dict[str, Any]]:
        """Return the objects among settings, and the settings with the word "own" in their place."""
        names = [each.name for each in fields(Parts)]
        objects = {name: given for name, given in settings.items() if name in names and not isinstance(given, str)}
        words = {name: OWN for name, given in objects.items() if given is not None}
        return Parts(**objects), {name: each for name, each in settings.items() if name not in objects} | words


NONE_OWN = Parts()


def check_parts(config: Config, parts: Parts, names: tuple[str, ...]) -> None:
    """Raise an InputError unless objects are given for just those of the named parts that the settings call own."""
    for name in ("encoder", "decoder"):
        if getattr(config, name) not in ("auto", OWN):
            raise unknown(name, getattr(config, name), ("auto", OWN))
    is_own = {name: getattr(config, name) == OWN for name in names}
    missing = [name for name in names if is_own[name] and getattr(parts, name) is None]
    if missing:
        objects = ", ".join(f"{name}=…" for name in missing)
        raise InputError(
            f"The {' and the '.join(missing)} of this model came as Python objects, of which only weights are saved. "
            f"Pass what was passed to enfold.fit in Python again, as in enfold.open(folder, {objects})."
        )
    for name in names:
        if getattr(parts, name) is not None and not is_own[name]:
            raise InputError(
                f"An object was passed as the {name}, but the model was made with {name}={getattr(config, name)}. "
                f"Leave out {name}=…"
            )


def own_encoder(encoder: nn.Module, spec: Spec) -> tuple[nn.Module, int]:
    """Return a user's encoder, and how many features it gives."""
    shape = _output("encoder", encoder, torch.zeros(2, *spec.shape))
    if len(shape) != 2 or shape[0] != 2:
        raise InputError(
            f"The encoder must give features of shape (B, features), but for two examples of shape {spec.shape} "
            f"it gave {shape}. End it in nn.Flatten()."
        )
    return encoder, shape[1]


def own_decoder(decoder: nn.Module, inputs: int, shape: tuple[int, ...]) -> nn.Module:
    """Return a user's decoder, from so many inputs to arrays of the shape that the likelihood takes."""
    found = _output("decoder", decoder, torch.zeros(2, inputs))
    if found != (2, *shape):
        raise InputError(
            f"The decoder must give arrays of shape (B, {', '.join(map(str, shape))}), which the likelihood takes, "
            f"but for two latent vectors it gave {found}. End it in nn.Unflatten, or choose another likelihood."
        )
    return decoder


def own_prior(prior: nn.Module, config: Config) -> nn.Module:
    """Return a user's prior."""
    shape = getattr(prior.cpu()(), "event_shape", None)
    if shape != (config.latent_dim,):
        raise InputError(
            f"The prior must give a distribution over ({config.latent_dim},), as latent_dim={config.latent_dim} "
            f"says, but its event shape is {shape}. Change one of them."
        )
    return prior


def _output(name: str, module: nn.Module, x: Tensor) -> tuple[int, ...]:
    """Return the shape of what a user's module makes of arrays; it is on the processor and in training then."""
    try:
        with torch.no_grad():
            return tuple(module.cpu().eval()(x).shape)
    except Exception as error:  # whatever a user's module raises
        raise InputError(
            f"The {name} cannot take arrays of shape {tuple(x.shape)} and type float32, which it is to be given "
            f"({type(error).__name__}: {error}). Change it, or latent_dim."
        ) from error
    finally:
        module.train()
