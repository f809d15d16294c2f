"""How probable data is under a model: bounds of log p(x), in nats and in bits."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from enfold.devices import keep_freed_memory, seeded
from enfold.distributions import Code, IntensityBernoulli, LogisticMixture, log_ratio, moved, rate
from enfold.inference import conditioned_chunks, conditions, evaluating, in_one
from enfold.model import Autoencoder, Conditioned, Model
from enfold.objectives import EVALUATION_SEED, Terms, elbo, terms_of_rows
from enfold.objectives.bounds import log_likelihood_given
from enfold.rows import Examples, pieces

Cost = Callable[[Distribution, Distribution, Tensor], Tensor]

DRAWS = 4  # of z for each row, in the mean distortion
SHARED_DRAWS = 32  # of noise, the same for all rows, in their bounds; a power of two, for Sobol's balance
VALUES_AT_ONCE = 2**20  # of decoded rows: bounds memory, and keeps what is computed with them in cache
HIDDEN_VALUES = 256  # a smaller row counts as this many, as its decoder has wide layers


def bound_of_rows(model: Autoencoder, x: Examples, condition: Tensor | None = None) -> dict[str, np.ndarray]:
    """Return −ELBO, distortion and rate of each row, (n,) in nats each, with 4 draws of z for each row:

        negative_elbo = distortion + rate ≥ −log p(x).

    Args:
        x: Raw rows, (n, *shape).
        condition: The class of each, (n,) integers, for a conditional model.
    """  # noqa: D400, D415 - the sentence ends in its formula
    found = terms_of_rows(model, elbo, x, condition, DRAWS)
    distortion, rate = found["distortion"], found["rate"]  # a loss may have penalties that are no nats
    return {"negative_elbo": distortion + rate, "distortion": distortion, "rate": rate}


def log_likelihood_bounds(model: Autoencoder, x: Examples) -> np.ndarray:
    """Return the ELBO of each row, (n,), in nats: a lower bound of log p(x).

    All rows get the same `SHARED_DRAWS` draws of noise, so that a row's value is the same at every call and does not
    depend on the others.

    Args:
        model: The model, with a normal posterior.
        x: Raw rows, (n, *shape).
    """
    with evaluating(model):
        return in_one(x, (each.mean(0).numpy() for each in weights_by_shared_noise(model, x, SHARED_DRAWS, rate)))


def weights_by_shared_noise(
    model: Autoencoder, x: Examples, draws: int, cost: Cost = log_ratio, condition: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield log p(x|z_k) − cost(q, p, z_k) of a bounded number of rows at a time, (draws, B) float64, in nats.

    All rows get the same noise. Codes have no noise, so there is one draw of them.

    Args:
        x: Raw rows, (n, *shape).
        draws: K; a power of two.
        cost: What z ~ q(z|x) costs under p(z): its KL divergence, or the estimate log q(z|x) − log p(z).
        condition: The class of each, (n,) integers, for a conditional model.
    """
    noise = shared_noise(model.latent_dim, draws).to(model.device)
    for view, part in conditioned_chunks(model, x, condition):
        batch = torch.from_numpy(part).to(model.device)
        q, p = view.encode(batch), view.prior()
        z = [moved(q, each) for each in (noise[:1] if isinstance(q, Code) else noise)]
        yield torch.stack([view.decode(each).log_prob(batch) - cost(q, p, each) for each in z]).cpu().double()


def shared_noise(latent_dim: int, draws: int) -> Tensor:
    """Return standard normal noise for all rows, (draws, latent_dim), the same at every call.

    A scrambled Sobol sequence spreads it evenly (Owen 1995; Buchholz, Wenzel & Mandt 2018).

    Args:
        latent_dim: How many coordinates a draw has.
        draws: How many; a power of two keeps the sequence's balance.
    """
    spread = torch.quasirandom.SobolEngine(latent_dim, scramble=True, seed=EVALUATION_SEED).draw(draws)
    return torch.special.ndtri(spread.double()).float()


def log_likelihood(
    model: Autoencoder, x: Examples, samples: int, condition: Tensor | None = None, *, at_once: int | None = None
) -> np.ndarray:
    """Return the importance-weighted log-likelihood of each row, (n,) float64, in nats:

        log 1/K Σ_k p(x|z_k) p(z_k) / q(z_k|x),   z_k ~ q(z|x).

    In expectation it lies between the ELBO and log p(x), and rises to log p(x) with K (Burda, Grosse & Salakhutdinov
    2016, theorem 1). The noise is the same at every call. If z is a code, all draws are equal, and this is the ELBO.

    Args:
        x: Raw rows, (n, *shape).
        samples: K, at least 1.
        condition: The class of each, (n,) integers, for a conditional model.
        at_once: How many draws to decode at once; it affects memory and speed, and the result only by rounding.
            By default, as many as fit in a fixed amount of memory.
    """  # noqa: D400, D415 - the sentence ends in its formula

    def weighed(view: Conditioned, part: np.ndarray) -> np.ndarray:
        batch = torch.from_numpy(part).to(model.device)
        q, p = view.encode(batch), view.prior()
        count = 1 if isinstance(q, Code) else samples
        step = at_once or max(1, VALUES_AT_ONCE // (max(len(part), 1) * max(view.spec.size, HIDDEN_VALUES)))
        total = torch.full((len(part),), -math.inf, dtype=torch.float64)
        for start in range(0, count, step):
            # drawn one by one, so that the noise does not depend on how many are decoded at once
            z = torch.stack([q.rsample() for _ in range(min(step, count - start))])
            log_w = (log_likelihood_given(view, batch, z) - log_ratio(q, p, z)).cpu().double()
            total = torch.logaddexp(total, log_w.logsumexp(0))
        return (total - math.log(count)).numpy()

    keep_freed_memory(model.device)
    with evaluating(model), seeded(EVALUATION_SEED, model.device):
        return in_one(x, (weighed(view, part) for view, part in conditioned_chunks(model, x, condition)))


def bits_meaning(model: Autoencoder, x: Examples) -> str | None:
    """Return what a likelihood in bits means for these rows, or None if it means nothing.

    - "mass": the probability of whole intensities (the logistic likelihood), or of binary pixels (bernoulli).
    - "cells": whole intensities under a normal density, whose integral over a cell of width 1 is their probability.

    Bits mean nothing for gray pixels under the bernoulli likelihood, which gives the expected log-probability of
    binary ones; for values that are not whole, whose density depends on the unit; and under the continuous Bernoulli,
    whose support ends inside the outermost cells.

    Args:
        x: Raw rows, (n, *shape).
    """
    with evaluating(model):
        condition = conditions(np.full(1, np.nan), model.spec)
        p = model.decode(model.encode(x[:1], condition).mean, condition)
    base = p.base_dist if isinstance(p, Independent) else p
    if isinstance(base, IntensityBernoulli):
        return "mass" if all(_is_binary(part, base.scale) for _, part in pieces(x)) else None
    if model.spec.dtype != "uint8" or model.spec.kind != "intensity":
        return None
    return "mass" if isinstance(base, LogisticMixture) else "cells" if isinstance(base, Normal) else None


def bits_of_rows(model: Autoencoder, x: Examples, condition: Tensor | None = None) -> np.ndarray | None:
    """Return an upper bound of the bits per value of each row, (n,); None if bits mean nothing:

        −ELBO / (D ln 2),   D the number of values in a row.

    Under a normal density, the ELBO is that of x + u with u uniform in −½…½: by Jensen's inequality it bounds the
    log-probability of the cell around x (Theis, van den Oord & Bethge 2016, "A note on the evaluation of generative
    models", section 3.1). See `bits_meaning`.

    Args:
        x: Raw rows, (n, *shape).
        condition: The class of each, (n,) integers, for a conditional model.
    """  # noqa: D400, D415 - the sentence ends in its formula
    meaning = bits_meaning(model, x)
    if meaning is None:
        return None
    objective = elbo if meaning == "mass" else _dequantized_elbo
    found = terms_of_rows(model, objective, x, condition, DRAWS)
    return in_bits(model, found["distortion"] + found["rate"])


def in_bits(model: Autoencoder, nats: np.ndarray) -> np.ndarray:
    """Return nats per row as bits per value."""
    return nats / (model.spec.size * math.log(2))


def _dequantized_elbo(model: Model, x: Tensor) -> Terms:
    return elbo(model, x.float() + torch.rand_like(x, dtype=torch.float32) - 0.5)


def _is_binary(x: np.ndarray, scale: float) -> bool:
    return bool(((x == 0) | (x == scale)).all())
