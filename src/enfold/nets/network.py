"""The choices of encoder and decoder: those of a network, or custom modules."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from enfold.errors import InputError
from enfold.options import Choice, Custom
from enfold.spec import Spec


@dataclass(frozen=True)
class Network(Choice, part="network"):
    """The layers of the encoder and of the decoder."""

    def encoder(self, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        """Return a module from rows, (B, *shape), to features, (B, features), and how many features there are."""
        raise NotImplementedError

    def decoder(self, inputs: int, shape: tuple[int, ...]) -> nn.Module:
        """Return a module from latent vectors, (B, inputs), to arrays, (B, *shape)."""
        raise NotImplementedError

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise an InputError if the network cannot take rows of that shape."""

    def initialize(self, posterior: nn.Module) -> None:
        """Draw the initial weights, if they differ from PyTorch's."""


@dataclass(frozen=True)
class Encoder(Choice, part="encoder"):
    """The encoder."""

    def build(self, network: Network, spec: Spec) -> tuple[nn.Module, int]:
        """Return a module from normalized rows to features, (B, features), and how many features there are."""
        raise NotImplementedError


@dataclass(frozen=True)
class NetworkEncoder(Encoder, name="auto"):
    """The encoder of the chosen network."""

    def build(self, network: Network, spec: Spec) -> tuple[nn.Module, int]:
        """Return the network's encoder."""
        return network.encoder(spec.shape)


@dataclass(frozen=True)
class CustomEncoder(Custom, Encoder, name="custom"):
    """Your own module, passed in Python: normalized rows, (B, *shape) → features, (B, any)."""

    kind, meaning = nn.Module, "a torch.nn.Module"

    def build(self, network: Network, spec: Spec) -> tuple[nn.Module, int]:
        """Return the module, if it fits the data.

        Raises:
            InputError: It cannot take the rows, or its output has another shape than (B, features).
        """
        shape = _output_shape("encoder", self.value, torch.zeros(2, *spec.shape))
        if len(shape) != 2 or shape[0] != 2:
            raise InputError(
                f"The encoder must return features of shape (B, features), but for two rows of shape {spec.shape}"
                f" it returned {shape}. End it in nn.Flatten()."
            )
        return self.value, shape[1]


@dataclass(frozen=True)
class Decoder(Choice, part="decoder"):
    """The decoder."""

    def build(self, network: Network, inputs: int, head: nn.Module) -> nn.Module:
        """Return a module from latent vectors, (B, inputs), to inputs of the likelihood's head, (B, *head.shape)."""
        raise NotImplementedError


@dataclass(frozen=True)
class NetworkDecoder(Decoder, name="auto"):
    """The decoder of the chosen network."""

    def build(self, network: Network, inputs: int, head: nn.Module) -> nn.Module:
        """Return the network's decoder."""
        return network.decoder(inputs, _shape(head))


@dataclass(frozen=True)
class CustomDecoder(Custom, Decoder, name="custom"):
    """Your own module, passed in Python: latent vectors, (B, latent_dim + classes) → (B, *shape)."""

    kind, meaning = nn.Module, "a torch.nn.Module"

    def build(self, network: Network, inputs: int, head: nn.Module) -> nn.Module:
        """Return the module, if it fits the likelihood.

        Raises:
            InputError: It cannot take the latent vectors, its output has another shape than the likelihood takes, or
                it ends in a sigmoid where the likelihood takes logits.
        """
        found, shape = _output_shape("decoder", self.value, torch.zeros(2, inputs)), _shape(head)
        if found != (2, *shape):
            raise InputError(
                f"The decoder must return arrays of shape (B, {', '.join(map(str, shape))}), which the likelihood "
                f"takes, but for two latent vectors it returned {found}. End it in nn.Unflatten, or choose another "
                "likelihood."
            )
        *_, last = (module for module in self.value.modules() if not [*module.children()])
        if isinstance(last, nn.Sigmoid) and getattr(head, "takes_logits", False):
            raise InputError(
                "The decoder ends in a sigmoid, but this likelihood takes logits and applies the sigmoid itself. "
                "Leave out the last layer, or choose likelihood=normal."
            )
        return self.value


def _shape(head: nn.Module) -> tuple[int, ...]:
    shape = head.shape
    assert isinstance(shape, tuple), "a likelihood says in `shape` what it takes"
    return shape


def _output_shape(name: str, module: nn.Module, x: Tensor) -> tuple[int, ...]:
    """Return the shape of a custom module's output for arrays, on the CPU and in training mode."""
    try:
        with torch.no_grad():
            return tuple(module.cpu().eval()(x).shape)
    except Exception as error:  # whatever a custom module raises
        raise InputError(
            f"The {name} cannot take float32 arrays of shape {tuple(x.shape)}, which it would be given "
            f"({type(error).__name__}: {error}). Change it, or latent_dim."
        ) from error
    finally:
        module.train()
