"""A loss that preserves neighbors: rows near in the data are near on the map, and no others are."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from enfold.model import Autoencoder

STRETCH, EXPONENT = 1.577, 0.895  # a and b of UMAP's curve for a least distance of 0.1, as its authors fit them
UNIT = 0.2  # one unit of UMAP in the latent space: its maps are some ten units wide, a normal prior some four
NEAREST = 1e-6  # squared: keeps the gradient of two points that are the same finite
REPULSION = 5.0  # total weight of the other rows; UMAP draws five of them


def neighbor_loss(model: Autoencoder, x: Tensor, near: Tensor) -> Tensor:
    """Return how badly the latent means preserve neighbors, (B,) in nats: the loss of parametric UMAP,

        −log s(z, z′) − 5 E_j log(1 − s(z, z_j′)),   s(z, z′) = 1 / (1 + a ‖z − z′‖^2b),

    for a neighbor z′, and the mean over the neighbors z_j′ of all other rows in the batch: with all of them instead
    of a few it needs a fraction of the steps (Sainburg, McInnes & Gentner 2021, "Parametric UMAP embeddings for
    representation and semisupervised learning", equation 4).

    Args:
        x: Raw rows, (B, *shape), B > 1.
        near: A neighbor of each, (B, *shape).
    """  # noqa: D400, D415 - the sentence ends in its formula
    a, b = (model.encode(torch.cat([x, near])).mean / UNIT).chunk(2)
    with torch.autocast(a.device.type, enabled=False):  # in bfloat16 such a difference has no digits left
        squared = a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T  # (B, B)
    log_odds = EXPONENT * squared.clamp(min=NEAREST).log() + math.log(STRETCH)  # log((1 − s) / s)
    attraction, repulsion = F.softplus(log_odds.diagonal()), F.softplus(-log_odds)
    return attraction + REPULSION / max(len(a) - 1, 1) * (repulsion.sum(1) - repulsion.diagonal())
