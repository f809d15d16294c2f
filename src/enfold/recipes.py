"""The named recipes, and what to know about them."""

from dataclasses import dataclass
from typing import Any

from enfold.config import Config
from enfold.errors import unknown


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
        "One output of the encoder is a log standard deviation where z is drawn and a log variance in the loss. "
        "So the loss is no bound on anything; the negative ELBO here is the true one, of z as it is drawn.",
    ),
    (
        {"objective": ("notebook",)},
        "The loss takes the mean over pixels, but 5e-4 times the mean over latent dimensions. On 28 × 28 pixels "
        "and 2 latent dimensions that weighs the rate with an effective β of 784 · 5e-4 · 2/2 = 0.392, not 1.",
    ),
    (
        {"objective": ("notebook",), "likelihood": ("auto", "bernoulli")},
        "Binary cross-entropy on gray values is not a density of gray images. The figures here read each gray "
        "value as the chance that a binary pixel is on, for which it is an exact expectation.",
    ),
    (
        {"recipe": ("notebook",), "objective": ("notebook",)},
        "The notebook's text holds out 10,000 rows, its code 5,000. The recipe follows the code.",
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
            neighbors=15,
            batch_size=512,
        ),
        "A map that keeps what is near in the data near, as UMAP's does, and can still be decoded.",
    ),
    "autoencoder": Recipe(
        Config(recipe="autoencoder", objective="autoencoder"),
        "A plain autoencoder: no noise, no prior; it rebuilds well, and new examples need a sampler.",
    ),
    "denoise": Recipe(
        Config(
            recipe="denoise",
            objective="autoencoder",
            corruption="mixed",
            corruption_level=0.6,
            latent_dim=128,
            width=512,
        ),
        "A denoising autoencoder: it removes normal noise and salt and pepper of any level up to 0.6.",
    ),
    "notebook": Recipe(
        Config(
            recipe="notebook",
            network="notebook",
            likelihood="bernoulli",
            objective="notebook",
            optimizer="rmsprop",
            learning_rate=1e-3,
            schedule="constant",
            batch_size=16,
            epochs=10,
            holdout=5000,
            seed=555,
        ),
        "The notebook that enfold grew from, to the last detail, its mistakes included.",
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
    return tuple(
        text for about, text in known if all(getattr(config, name) in values for name, values in about.items())
    )
