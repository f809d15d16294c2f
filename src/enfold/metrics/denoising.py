"""How well noise is removed: how near what is left is to what was there, by a model and by the simplest of means."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.decomposition import PCA

from enfold.metrics.intervals import mean_error
from enfold.metrics.reconstruction import (
    has_windows,
    peak_signal_to_noise_of_rows,
    squared_error,
    structural_similarity,
)
from enfold.spec import Spec

Measured = dict[str, tuple[float | None, float | None]]  # figure → its value and its standard error

MOST_RANK = 256
PCA_SEED = 0  # of the randomised decomposition, which large examples take


@dataclass(frozen=True)
class Projection:
    """The linear denoiser: what principal components of clean rows leave of noisy ones.

    Attributes:
        pca: Fitted to clean rows, (n, values) in units of the columns' scale.
    """

    pca: PCA

    @classmethod
    def of(cls, clean: np.ndarray) -> Self:
        """Return the projection that clean rows, (n, values), ask for, onto at most 256 components."""
        return cls(PCA(min(*clean.shape, MOST_RANK), random_state=PCA_SEED).fit(clean))

    def best_rank(self, noisy: np.ndarray, clean: np.ndarray) -> int:
        """Return how many components leave the least squared error, at least 1.

        With orthonormal components the i-th adds Σ (zᵢ² − 2 zᵢ aᵢ) to it, of coordinates z of the noisy rows and a of
        the clean ones, so that all ranks are had at once.

        Args:
            noisy: Rows with noise, (n, values).
            clean: The same without.
        """
        z, a = self.pca.transform(noisy), self.pca.transform(clean)
        return int(np.argmin(np.cumsum((z * z - 2 * z * a).sum(0)))) + 1

    def denoised(self, noisy: np.ndarray, rank: int) -> np.ndarray:
        """Return what so many components leave of noisy rows, (n, values)."""
        return self.pca.mean_ + self.pca.transform(noisy)[:, :rank] @ self.pca.components_[:rank]


def nearness(clean: np.ndarray, x: np.ndarray, spec: Spec) -> Measured:
    """Return how near examples are to the clean ones: `psnr` in decibel and `ssim` of images, `rmse` of other rows.

    Args:
        clean: (n, *shape), in units of the columns' scale.
        x: The same rows with noise, or with what is left of it.
        spec: What they are.
    """
    squares = squared_error(clean, x)
    if not (spec.is_image and spec.kind == "intensity"):
        root, error = float(np.sqrt(squares.mean())), mean_error(squares)
        return {"rmse": (root, error / (2 * root) if error is not None and root else None)}
    found: Measured = {"psnr": peak_signal_to_noise_of_rows(squares)}
    if has_windows(spec):
        similar = structural_similarity(clean, x)
        found["ssim"] = (float(similar.mean()), mean_error(similar))
    return found
