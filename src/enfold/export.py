"""The encoder and the decoder of a run as ONNX files, for programs without PyTorch."""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from enfold.data.dataset import class_name
from enfold.errors import InputError, require
from enfold.files import check_new_folder, json_text, write_folder
from enfold.inference import decode_means
from enfold.latent import prior_samples
from enfold.model import Autoencoder
from enfold.report import title
from enfold.run import Run
from enfold.version import __version__

OPSET = 20  # supported by onnxruntime 1.17 and newer
TOLERANCE = 1e-4  # largest difference from torch, in units of the data's scale or of the largest latent value
BATCHES = (1, 2, 5)  # sizes to compare, as an export can depend on the size of the batch that it was traced with
TRACED = 3  # rows in that batch
LOGGERS = ("torch.onnx", "onnx_ir")
EXPORTER_WARNINGS = ("`isinstance\\(treespec, LeafSpec\\)", "# The axis name: n will not be used")
README = """\
# {title}: encoder and decoder, {d} latent dimensions

Written by enfold {version} for {spec}; n is the number of rows.

- `encoder.onnx`: `x`, (n, {shape}), float32 in the data's own units → the `mean` of q(z|x), (n, {d}), and
  `scale_tril`, (n, {d}, {d}), the lower triangular Cholesky factor of its covariance{zeros}
- `decoder.onnx`: `z`, (n, {d}) → the `mean` of p(x|z), (n, {shape}), in the data's own units
- `spec.json`: what the values are

{conditional}
```python
import numpy as np
import onnxruntime

{condition}x = np.zeros((3, {shape}), np.float32)
mean, scale_tril = onnxruntime.InferenceSession("encoder.onnx").run(None, {{"x": x{given}}})
(reconstruction,) = onnxruntime.InferenceSession("decoder.onnx").run(None, {{"z": mean{given}}})
```
"""
CONDITIONAL = """\
Both also take `condition`, (n,) int64: the position of each row's label in {names}; −1 if unknown.
"""


@dataclass(frozen=True)
class Onnx:
    """A model in the ONNX format.

    Attributes:
        encoder: Inputs `x`, (n, *shape) float32 in raw units, and of a conditional model `condition`, (n,) int64, −1
            where the class is not known; outputs `mean`, (n, latent_dim), and `scale_tril`, (n, latent_dim,
            latent_dim).
        decoder: Inputs `z`, (n, latent_dim), and `condition`; output `mean`, (n, *shape), in raw units.
    """

    encoder: bytes
    decoder: bytes


def export(run: Run, folder: str | Path) -> Path:
    """Write a run's encoder and decoder as ONNX files, with a README that shows how to use them.

    Args:
        folder: Where `encoder.onnx`, `decoder.onnx`, `spec.json` and `README.md` go: a new folder, or an empty one.

    Returns:
        The folder.

    Raises:
        InputError: The extra `onnx` is not installed, a custom module cannot be exported to ONNX, or the folder is
            not empty, or cannot be written to.

    Example:
        >>> import enfold
        >>> from enfold.export import export
        >>> print(export(enfold.open("runs/digits"), "model"))
        model
    """
    check_new_folder(folder)
    model = as_onnx(run)
    spec = {name: value for name, value in run.spec.to_dict().items() if name != "sources"}  # local paths
    about = {"title": title(run.spec), "recipe": run.config.recipe, "enfold": __version__}
    files = {
        "encoder.onnx": model.encoder,
        "decoder.onnx": model.decoder,
        "spec.json": json_text({**about, "latent_dim": run.config.latent_dim, **spec}).encode(),
        "README.md": _readme(run).encode(),
    }
    return write_folder(folder, files.items())


def as_onnx(run: Run) -> Onnx:
    """Return a run's encoder and decoder as ONNX, checked against torch.

    Raises:
        InputError: As for `export`.
    """
    require("ONNX", "onnx", "onnx", "onnxscript", "onnxruntime")
    model = replace(run, device="cpu").model
    z = torch.from_numpy(prior_samples(model, max(BATCHES)))
    condition = torch.arange(len(z)) % (len(run.spec.conditions) + 1) - 1 if run.spec.conditions else None
    x = torch.from_numpy(decode_means(model, z.numpy(), condition))  # similar to the data
    has_noise = not run.config.is_plain
    given = {} if condition is None else {"condition": condition}
    largest = _encoded(model, x, condition).abs().max().clamp(min=1)
    rounding = (
        np.finfo(np.float32).eps / TOLERANCE * np.abs(run.spec.offset)
    )  # far from 0, raw values are that coarse
    scale = torch.from_numpy(run.spec.scale + rounding)
    return Onnx(
        _written(_Encoder(model.encoder, has_noise), {"x": x, **given}, {"mean": largest, "scale_tril": largest}),
        _written(_Decoder(model.decoder), {"z": z, **given}, {"mean": scale}),
    )


class _Encoder(nn.Module):
    """Rows → the parameters of q(z|x), as arrays."""

    def __init__(self, encoder: nn.Module, has_noise: bool):
        super().__init__()
        self.encoder, self.has_noise = encoder, has_noise

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        q = self.encoder(x) if condition is None else self.encoder(x, condition)
        tril = q.scale_tril if hasattr(q, "scale_tril") else torch.diag_embed(q.stddev)
        return q.mean, tril if self.has_noise else torch.zeros_like(tril)


class _Decoder(nn.Module):
    """Latent vectors → the mean of p(x|z)."""

    def __init__(self, decoder: nn.Module):
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        p = self.decoder(z) if condition is None else self.decoder(z, condition)
        return p.mean


def _encoded(model: Autoencoder, x: Tensor, condition: Tensor | None) -> Tensor:
    with torch.inference_mode():
        return model.encode(x, condition).mean


def _written(module: nn.Module, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> bytes:
    """Return a module as ONNX.

    Args:
        module: Tensors → tensors.
        inputs: Rows to trace and to check with, by name.
        outputs: The scale of each output, by name.

    Raises:
        InputError: It cannot be exported, or the exported model gives other values.
    """
    n = torch.export.Dim("n")
    try:
        with _quiet(), torch.no_grad():
            program: Any = torch.onnx.export(
                module.eval(),
                tuple(each[:TRACED] for each in inputs.values()),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=[{0: n}] * len(inputs),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            written = _bare(program.model_proto)
    except Exception as error:  # of many types; all modules of enfold can be exported
        raise InputError(
            f"The model cannot be exported to ONNX ({type(error).__name__}: {str(error).partition(chr(10))[0]}). "
            "Build custom modules of layers that torch.onnx.export supports."
        ) from error
    _check(written, module, inputs, outputs)
    return written


def _bare(model: Any) -> bytes:
    """Return a serialized ONNX model without the source locations of its nodes."""
    for node in [*model.graph.node, *(each for function in model.functions for each in function.node)]:
        del node.metadata_props[:]
        node.doc_string = ""
    for each in (model, model.graph, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del each.metadata_props[:]
    del model.graph.value_info[:]
    return model.SerializeToString(deterministic=True)


def _check(written: bytes, module: nn.Module, inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> None:
    """Raise an InputError unless ONNX and torch agree on batches of several sizes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(written, providers=["CPUExecutionProvider"])
    for size in BATCHES:
        batch = {name: each[-size:] for name, each in inputs.items()}
        with torch.inference_mode():
            expected = module(*batch.values())
        expected = expected if isinstance(expected, tuple) else (expected,)
        try:
            found = session.run(None, {name: each.numpy() for name, each in batch.items()})
        except Exception as error:  # onnxruntime has many types of errors
            raise InputError(
                f"The exported model does not take batches of {size}; it was traced with a batch of {TRACED}. A "
                "custom module must take the size from x.shape[0], not from len(x)."
            ) from error
        for name, a, b in zip(outputs, found, expected, strict=True):
            apart = float(np.max(np.abs(a - b.numpy()) / outputs[name].numpy()))
            if not apart <= TOLERANCE:
                raise InputError(
                    f"The exported model differs from torch by {apart:.2g} of the scale in '{name}', more than "
                    f"{TOLERANCE:g}. Nothing was written. In evaluation, a custom module must be deterministic."
                )


@contextmanager
def _quiet() -> Generator[None]:
    """Silence the exporter's messages about other libraries and about its internals."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in EXPORTER_WARNINGS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)


def _readme(run: Run) -> str:
    spec = run.spec
    names = ", ".join(class_name(label, spec) for label in spec.conditions)
    has_noise = not run.config.is_plain and not run.config.posterior.is_discrete
    return README.format(
        title=title(spec),
        version=__version__,
        d=run.config.latent_dim,
        spec=spec,
        shape=", ".join(map(str, spec.shape)),
        zeros="" if has_noise else ", here zeros",
        conditional=CONDITIONAL.format(names=names) if names else "",
        condition="condition = np.zeros(3, np.int64)\n" if names else "",
        given=', "condition": condition' if names else "",
    )
