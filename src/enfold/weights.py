"""Reading the weights of a trained model from a file, which may be damaged, or made to do harm."""

import math
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.modules.module import register_module_parameter_registration_hook

from enfold.errors import InputError
from enfold.files import check_file, check_header
from enfold.inference import evaluating
from enfold.model import Autoencoder

WEIGHTS = "model.safetensors"
TRIED = 16  # rows


def load_weights(model: Autoencoder, path: Path) -> Autoencoder:
    """Return a model with the weights in a file.

    Raises:
        InputError: The weights are missing, damaged, or another model's.
    """
    weights = _read(path, len(model.state_dict()))
    expected = {name: (value.dtype, *value.shape) for name, value in model.state_dict().items()}
    found = {name: (value.dtype, *value.shape) for name, value in weights.items()}
    if found != expected:
        differing = sorted(name for name in expected | found if expected.get(name) != found.get(name))
        raise InputError(
            f"{path} holds another model's weights: '{differing[0]}' is {found.get(differing[0], 'not there')}, "
            f"expected {expected.get(differing[0], 'none of that name')}. Restore the file that belongs to this run."
        )
    model.load_state_dict(weights)
    if not (_are_finite(weights.values()) and _are_finite(_outputs(model))):
        raise InputError(f"{path} is damaged: the model gives NaN or infinity. Restore it or fit again.")
    return model


@contextmanager
def no_larger_than(path: Path) -> Generator[None]:
    """Stop the making of a model that has far more weights than its file, which may ask for all memory there is.

    Args:
        path: The file; if there is none yet, a model may have any size.

    Raises:
        InputError: The model is larger.
    """
    most = path.stat().st_size // 2 if path.is_file() else math.inf  # numbers; each takes at least 2 bytes
    made, here = 0, threading.get_ident()
    larger = InputError(
        f"{path} is damaged or holds another model's weights: they are fewer than config.toml and spec.json ask for. "
        "Restore the three files that belong together."
    )

    def count(module: Any, name: str, weight: Tensor | None) -> None:
        nonlocal made
        made += 0 if weight is None or threading.get_ident() != here else weight.numel()
        if made > most and threading.get_ident() == here:
            raise larger

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    except RuntimeError as error:
        if "alloc" in str(error) and most < math.inf:  # torch has no type of its own for it
            raise larger from error
        raise
    finally:
        hook.remove()


def _read(path: Path, count: int) -> dict[str, Tensor]:
    """Return the tensors in a file that should have so many; their values are not read before they are used."""
    check_file(path)
    try:
        check_header(path, count)
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing. Restore it or fit again.") from error
    except Exception as error:  # safetensors raises its own type for damage, and KeyError for unknown types
        raise InputError(f"{path} is damaged or no safetensors file ({error}). Restore it or fit again.") from error


def _outputs(model: Autoencoder) -> list[Tensor]:
    """Return latent means of random rows of usual size, their log-density under the prior, and reconstructions."""
    spec, random = model.spec, np.random.default_rng(0)
    draw = random.random if spec.kind == "intensity" else random.standard_normal
    x = spec.examples(draw((TRIED, spec.size))).astype(spec.dtype)
    condition = torch.zeros(TRIED, dtype=torch.int64) if spec.conditions else None
    with evaluating(model):
        z = model.encode(x, condition).mean
        return [z, model.prior().log_prob(z), model.decode(z, condition).mean]


def _are_finite(tensors: Any) -> bool:
    return all(bool(torch.isfinite(each).all()) for each in tensors if each.is_floating_point())
