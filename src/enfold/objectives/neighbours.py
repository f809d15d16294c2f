"""A demand on maps: what is near in the data is near on the map, and nothing else is."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from enfold.model import Autoencoder

STRETCH, EXPONENT = 1.577, 0.895  # a and b of UMAP's curve for a least distance of 0.1, as its authors fit them
UNIT = 0.2  # of latent space, as one of UMAP's: its maps are some ten units wide, a normal prior some four
REPULSED = 5  # other rows that each row is kept away from


def neighbour_loss(model: Autoencoder, x: Tensor, near: Tensor) -> Tensor:
    """Return how badly the latent means keep neighbours, (B,) in nats: parametric UMAP's loss,

        −log s(z, z′) − Σ_j log(1 − s(z, z_j)),   s(z, z′) = 1 / (1 + a ‖z − z′‖^2b),

    for a neighbour z′ and a few other rows of the batch z_j (Sainburg, McInnes & Gentner 2021, "Parametric UMAP
    embeddings for representation and semisupervised learning", equation 4).

    Args:
        model: The autoencoder.
        x: Raw examples, (B, *shape).
        near: A neighbour of each, (B, *shape).
    """  # noqa: D400, D415 - the sentence ends in its formula
    a, b = model.encode(x).mean / UNIT, model.encode(near).mean / UNIT
    attraction = F.softplus(_log_odds(a, b))
    others = torch.stack([b[torch.randperm(len(b), device=b.device)] for _ in range(REPULSED)])
    return attraction + F.softplus(-_log_odds(a, others)).sum(0)


def _log_odds(a: Tensor, b: Tensor) -> Tensor:
    """Return log((1 − s) / s) = log(a ‖·‖^2b), which is lower the nearer two points are."""
    squared = (a - b).square().sum(-1) + 1e-6  # keeps the gradient of two points that are the same finite
    return EXPONENT * squared.log() + math.log(STRETCH)
