"""How well noise is removed: by a model, and by principal components to compare with."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.decomposition import PCA

from enfold.metrics.intervals import Measurement, mean_error, mean_of
from enfold.metrics.reconstruction import (
    has_windows,
    peak_signal_to_noise_of_rows,
    squared_error,
    structural_similarity,
)
from enfold.spec import Spec

MOST_RANK = 256
PCA_SEED = 0  # of the randomized decomposition, which large examples take


@dataclass(frozen=True)
class Projection:
    """The linear denoiser: the projection of noisy rows onto principal components of clean ones.

    Attributes:
        mean: Of clean rows, (values,) in units of the columns' scale.
        components: Their principal directions, orthonormal, (most, values).
    """

    mean: np.ndarray
    components: np.ndarray

    @classmethod
    def of(cls, clean: np.ndarray) -> Self:
        """Return the projection onto at most 256 principal components of clean rows, (n, values)."""
        pca = PCA(min(*clean.shape, MOST_RANK), random_state=PCA_SEED).fit(clean)
        return cls(pca.mean_, np.asarray(pca.components_))

    def best_rank(self, noisy: np.ndarray, clean: np.ndarray) -> int:
        """Return how many components give the smallest squared error, at least 1.

        With orthonormal components the i-th adds Σ (zᵢ² − 2 zᵢ aᵢ) to it, where z and a are the coordinates of the
        noisy and of the clean rows; so one pass gives all ranks.

        Args:
            noisy: Rows with noise, (n, values).
            clean: The same without.
        """
        z, a = ((each - self.mean) @ self.components.T for each in (noisy, clean))
        return int(np.argmin(np.cumsum((z * z - 2 * z * a).sum(0)))) + 1

    def denoised(self, noisy: np.ndarray, rank: int) -> np.ndarray:
        """Return noisy rows projected onto the first `rank` components, (n, values)."""
        kept = self.components[:rank]
        return self.mean + (noisy - self.mean) @ kept.T @ kept


def removed(noisy: np.ndarray, made: np.ndarray, spec: Spec) -> np.ndarray:
    """Return how much was removed from each row, (n,): the root mean square, in units of the columns' scale.

    Args:
        noisy: Rows as they were given, (n, *shape), raw.
        made: The denoised rows, likewise.
        spec: Their shape, kind and range.
    """
    return np.sqrt(squared_error(noisy / spec.scale, made / spec.scale))


def similarity(clean: np.ndarray, x: np.ndarray, spec: Spec) -> dict[str, Measurement]:
    """Return how similar rows are to clean ones: `psnr` in decibel and `ssim` of images, `rmse` of other rows.

    Args:
        clean: (n, *shape), in units of the columns' scale.
        x: The same rows, noisy or denoised.
        spec: Their shape, kind and range.
    """
    squares = squared_error(clean, x)
    if not (spec.is_image and spec.kind == "intensity"):
        root, error = float(np.sqrt(squares.mean())), mean_error(squares)
        return {"rmse": Measurement(root, error / (2 * root) if error is not None and root else None)}
    found = {"psnr": peak_signal_to_noise_of_rows(squares)}
    if has_windows(spec):
        found["ssim"] = mean_of(structural_similarity(clean, x))
    return found
