"""The named recipes, and what to know about them."""

from dataclasses import dataclass
from typing import Any

from enfold.config import Config
from enfold.corruptions import Mixed
from enfold.errors import unknown
from enfold.nets.likelihoods import Bernoulli
from enfold.nets.mlp import MLP
from enfold.nets.notebook import NotebookNetwork
from enfold.nets.posteriors import Diagonal
from enfold.objectives import Notebook, PlainAutoencoder
from enfold.optimizers import RMSprop
from enfold.options import Choice
from enfold.schedules import Constant


@dataclass(frozen=True)
class Recipe:
    """Settings with a name.

    Attributes:
        config: The settings.
        summary: What they are for, in a sentence.
        mistakes: What is known to be wrong with them, in plain words, each with the settings, by name, that have it.
        shown_rows: The rows to show as samples; without any, the first training rows.
    """

    config: Config
    summary: str
    mistakes: tuple[tuple[dict[str, tuple[Any, ...]], str], ...] = ()
    shown_rows: tuple[int, ...] = ()


NOTEBOOK_MISTAKES = (
    (
        {"objective": ("notebook",)},
        "The encoder's second output is used as a log standard deviation to draw z, but as a log variance in the "
        "loss. So the loss is not a bound of the likelihood. The negative ELBO shown here is the correct one.",
    ),
    (
        {"objective": ("notebook",)},
        "The loss averages over pixels and adds 5e-4 times an average over latent dimensions. With 28 × 28 pixels "
        "and 2 latent dimensions the KL term has an effective weight β of 784 · 5e-4 · 2/2 = 0.392, not 1.",
    ),
    (
        {"objective": ("notebook",), "likelihood": ("auto", "bernoulli")},
        "Binary cross-entropy is not a likelihood of gray values. The metrics here read each gray value as the "
        "probability that a binary pixel is on; for that it is correct.",
    ),
    (
        {"recipe": ("notebook",), "objective": ("notebook",)},
        "The notebook's text holds out 10,000 rows, its code 5,000. This recipe follows the code.",
    ),
)

RECIPES = {
    "default": Recipe(
        Config(),
        "A good map in little time: the evidence lower bound with β = 1, and a likelihood chosen by the data.",
    ),
    "neighbors": Recipe(
        Config(
            recipe="neighbors",
            n_neighbors=15,
            batch_size=512,
        ),
        "A map that keeps neighbors together, as UMAP does, and can still be decoded.",
    ),
    "autoencoder": Recipe(
        Config(recipe="autoencoder", objective=PlainAutoencoder()),
        "A plain autoencoder: no noise and no prior. It reconstructs well; to generate new rows choose a sampler.",
    ),
    "denoise": Recipe(
        Config(
            recipe="denoise",
            network=MLP(width=512),
            objective=PlainAutoencoder(),
            corruption=Mixed(noise_level=0.6),
            latent_dim=128,
        ),
        "A denoising autoencoder: it removes Gaussian noise and salt and pepper of any level up to 0.6.",
    ),
    "notebook": Recipe(
        Config(
            recipe="notebook",
            network=NotebookNetwork(),
            posterior=Diagonal(scale="exp"),
            likelihood=Bernoulli(),
            objective=Notebook(),
            optimizer=RMSprop(learning_rate=1e-3),
            schedule=Constant(),
            batch_size=16,
            epochs=10,
            holdout=5000,
            seed=555,
        ),
        "An exact copy of the Keras notebook that enfold grew from, with its mistakes.",
        NOTEBOOK_MISTAKES,
        shown_rows=(13, 690, 2375, 42013),
    ),
}


def recipe(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        InputError: There is none; the message has the nearest name.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    return RECIPES[name]


def mistakes(config: Config) -> tuple[str, ...]:
    """Return what is known to be wrong with the settings."""
    known = [mistake for each in RECIPES.values() for mistake in each.mistakes]
    return tuple(text for about, text in known if all(_named(config, name) in about[name] for name in about))


def _named(config: Config, name: str) -> Any:
    value = getattr(config, name)
    return value.name if isinstance(value, Choice) else value
