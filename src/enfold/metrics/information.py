"""How much the latent vector says about a row, and in which dimensions."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from enfold.devices import seeded
from enfold.distributions import joined, rate
from enfold.inference import ROWS_AT_ONCE, conditioned_chunks, evaluating
from enfold.metrics.intervals import bootstrap_error
from enfold.model import Autoencoder
from enfold.objectives import EVALUATION_SEED
from enfold.rows import Examples

ACTIVE_VARIANCE = 0.01  # Burda, Grosse & Salakhutdinov 2016, section 5.2


def active_units(means: np.ndarray) -> int:
    """Return how many latent dimensions vary with x: Var_x(E[z|x]) > 0.01 (Burda et al. 2016, section 5.2).

    Args:
        means: Posterior means, (n, latent_dim).
    """
    return int((means.var(0) > ACTIVE_VARIANCE).sum())


def active_units_error(means: np.ndarray) -> float | None:
    """Return the standard error of `active_units` by the bootstrap over rows."""
    centered = means.astype(np.float64) - means.mean(0)
    squares = centered**2

    def count(times: np.ndarray) -> float:
        variance = times @ squares / len(means) - (times @ centered / len(means)) ** 2
        return float((variance > ACTIVE_VARIANCE).sum())

    return bootstrap_error(count, np.ones(len(means), np.int64))


def information_of_rows(model: Autoencoder, x: Examples, condition: Tensor | None = None) -> dict[str, np.ndarray]:
    """Return the two parts of each row's rate, (n,) in nats each, so that rate = information + marginal:

        information = log q(z|x) − log q(z),   marginal = KL(q(z|x) ‖ p(z)) − information,
        z ~ q(z|x),   q(z) = 1/n Σ_j q(z|x_j).

    Their means are I(x; z) under q and KL(q(z) ‖ p(z)) (Hoffman & Johnson 2016, "ELBO surgery", equation 7). As q(z)
    is made of the given rows, the information is about which of them it is, and is at most log n. Their q(z)
    minimizes the mean, which so does not change with it to first order in 1/n: the spread over rows gives its error.

    Args:
        x: Raw rows, (n, *shape); time and memory grow with n² and n.
        condition: The class of each, (n,) integers, for a conditional model.
    """  # noqa: D400, D415 - the sentence ends in its formula
    with evaluating(model), seeded(EVALUATION_SEED, model.device):
        parts = [
            view.encode(torch.from_numpy(part).to(model.device))
            for view, part in conditioned_chunks(model, x, condition)
        ]
        q = joined(*parts)
        z = q.rsample()
        rates = rate(q, model.prior(), z)
        aggregate = torch.cat([_log_mean(q, each) for each in z.split(ROWS_AT_ONCE)])
        information = (q.log_prob(z) - aggregate).cpu().double().numpy()
    rates = rates.cpu().double().numpy()
    return {"rate": rates, "information": information, "marginal": rates - information}


def _log_mean(q: Distribution, z: Tensor) -> Tensor:
    """Return the log-density of the mixture of the posteriors, (m, latent_dim) → (m,)."""
    return q.log_prob(z.unsqueeze(1)).logsumexp(1) - math.log(q.batch_shape[0])
