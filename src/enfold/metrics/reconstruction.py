"""How similar reconstructions are to the originals."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from enfold.inference import chunks, conditioned_chunks, decode_means, evaluating, in_one
from enfold.metrics.intervals import Measurement, mean_error
from enfold.model import Autoencoder, Conditioned
from enfold.rows import Examples
from enfold.spec import Spec

WINDOW, WINDOW_SCALE = 11, 1.5  # pixels: side and standard deviation; Wang 2004, section III.B
LUMINANCE, CONTRAST = 0.01**2, 0.03**2  # C₁ and C₂ of a full scale of 1, there

Measure = Callable[
    [np.ndarray, np.ndarray], np.ndarray
]  # two batches, (B, *shape) in units of the columns' scale → (B,)


def reconstruction_mse(model: Autoencoder, x: Examples, means: np.ndarray) -> float:
    """Return the mean squared error of the reconstructions at the posterior means.

    Args:
        x: Raw rows, (n, *shape).
        means: Their posterior means, (n, latent_dim).

    Returns:
        The mean over rows and values, in squared units of each column's scale: pixels are 0…1, real columns have the
        variance 1 in training.
    """
    return float(reconstruction_measures(model, x, means, [squared_error])[0].mean())


def reconstruction_measures(
    model: Autoencoder,
    x: Examples,
    means: np.ndarray,
    measures: Sequence[Measure],
    condition: Tensor | None = None,
) -> np.ndarray:
    """Return how each row compares with its reconstruction at the posterior mean, (measures, n) float64.

    Args:
        x: Raw rows, (n, *shape).
        means: Their posterior means, (n, latent_dim).
        measures: Functions that compare; they get values in units of each column's scale.
        condition: The class of each, (n,) integers, for a conditional model.
    """
    spec = model.spec

    def compared(view: Conditioned, part: np.ndarray, z: np.ndarray) -> np.ndarray:
        reconstructed = decode_means(view.model, z, view.condition)
        a, b = (spec.scaled(each, np.float64) for each in (part, reconstructed))
        return np.stack([measure(a, b) for measure in measures], 1)

    with evaluating(model):
        pairs = zip(conditioned_chunks(model, x, condition), chunks(means), strict=True)
        return in_one(x, (compared(view, part, z) for (view, part), z in pairs)).T


def squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean squared difference of each pair, (B, *shape) twice → (B,)."""
    return np.square(a - b).reshape(len(a), -1).mean(1)


def peak_signal_to_noise(mse: float) -> float | None:
    """Return the peak signal-to-noise ratio of values in 0…1, in decibel: −10 log₁₀ MSE; None if the MSE is 0.

    Args:
        mse: The mean squared error over all rows and values.
    """
    return -10 * math.log10(mse) if mse > 0 else None


def peak_signal_to_noise_of_rows(squares: np.ndarray) -> Measurement:
    """Return the ratio of all rows together, in decibel, and its standard error: that of the MSE, times the slope.

    Args:
        squares: The mean squared error of each row, (n,).
    """
    mse, error = float(squares.mean()), mean_error(squares)
    ratio = peak_signal_to_noise(mse)
    return Measurement(ratio, None if ratio is None or error is None else 10 / math.log(10) / mse * error)


def structural_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean structural similarity of each pair of images, (B, C, H, W) twice → (B,), in −1…1, 1 if equal:

        SSIM = (2 μ_a μ_b + C₁) (2 σ_ab + C₂) / ((μ_a² + μ_b² + C₁) (σ_a² + σ_b² + C₂)),

    in Gaussian windows of 11 × 11 pixels, σ = 1.5, inside the image; the mean over windows and channels (Wang,
    Bovik, Sheikh & Simoncelli 2004, "Image quality assessment: from error visibility to structural similarity",
    equation 13).

    Args:
        a: Images in 0…1, at least 11 pixels high and wide; see `has_windows`.
        b: Others.
    """  # noqa: D400, D415 - the sentence ends in its formula
    down, across = _windows(a.shape[-2]), _windows(a.shape[-1]).T
    mean_a, mean_b, square_a, square_b, product = (down @ each @ across for each in (a, b, a * a, b * b, a * b))
    similar = (2 * mean_a * mean_b + LUMINANCE) * (2 * (product - mean_a * mean_b) + CONTRAST)
    most = (mean_a**2 + mean_b**2 + LUMINANCE) * (square_a - mean_a**2 + square_b - mean_b**2 + CONTRAST)
    return (similar / most).reshape(len(a), -1).mean(1)


def has_windows(spec: Spec) -> bool:
    """Return whether rows are images of a known range that are large enough for structural similarity."""
    return spec.is_image and spec.kind == "intensity" and min(spec.shape[1:]) >= WINDOW


def _windows(size: int) -> np.ndarray:
    """Return the Gaussian windows along one side of an image, (places, size); each sums to 1."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (offsets / WINDOW_SCALE) ** 2)
    places = size - WINDOW + 1
    return sum((w * np.eye(places, size, k) for k, w in enumerate(weights / weights.sum())), np.zeros((places, size)))
