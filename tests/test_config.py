from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from enfold import Config, InputError
from enfold.config import describe, parse_settings
from enfold.options import CHOICES
from enfold.priors import Prior, Uniform
from enfold.recipes import RECIPES, mistakes, recipe

configs = st.builds(
    lambda recipe, **settings: replace(Config.of(**settings), recipe=recipe),
    recipe=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
    width=st.integers(1, 4096),
    latent_dim=st.integers(1, 512),
    beta=st.floats(0, 1e6),
    learning_rate=st.floats(1e-9, 1e3),
    epochs=st.one_of(st.just("auto"), st.integers(1, 10_000)),
    holdout=st.floats(1e-6, 1e9),
)


@given(configs)
def test_toml_gives_the_settings_back(config):
    assert Config.from_toml(config.to_toml()) == config


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_know_their_names_and_survive_toml(name):
    config = recipe(name).config
    assert config.recipe == name
    assert Config.from_toml(config.to_toml()) == config


def test_every_setting_says_what_it_means():
    assert all(each.meaning for each in describe(Config()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("beta=0.5", {"beta": 0.5}),
        ("optimizer=rmsprop", {"optimizer": "rmsprop"}),
        ("epochs = 3", {"epochs": 3}),
    ],
)
def test_settings_are_read_as_toml_or_as_bare_words(text, expected):
    assert parse_settings([text]) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"latent_dim": 0}, "'latent_dim' must be at least 1, got 0"),
        ({"latent_dim": 2.5}, "a whole number"),
        ({"latent_dim": True}, "a whole number"),
        ({"batch_size": 10**19}, "a whole number below 2³²"),
        ({"beta": "much"}, "a finite number"),
        ({"beta": float("nan")}, "finite"),
        ({"learning_rate": 0}, "above 0"),
        ({"width": 0}, "at least 1"),
        ({"optimizer": 3}, "must be one of adam, rmsprop"),
        ({"epochs": "all"}, "a whole number"),
        ({"latent_dims": 2}, "did you mean 'latent_dim'"),
    ],
)
def test_a_wrong_setting_is_refused_with_the_remedy(settings, message):
    with pytest.raises(InputError, match=message):
        Config().with_settings(settings)


def test_numbers_of_numpy_are_numbers():
    config = Config.of(latent_dim=np.int64(3), beta=np.float32(0.5))
    assert (config.latent_dim, config.objective.beta) == (3, 0.5)
    assert Config.from_toml(config.to_toml()) == config


def test_an_unknown_recipe_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="did you mean 'notebook'"):
        recipe("notebok")


def test_the_mistakes_go_with_the_objective_that_has_them():
    config = recipe("notebook").config
    assert len(mistakes(config)) == 4
    assert not mistakes(config.with_settings({"objective": "elbo"}))
    assert not mistakes(recipe("default").config)
    alike = recipe("default").config.with_settings({"objective": "notebook"})
    assert mistakes(alike) == mistakes(config)[:3]
    assert mistakes(alike.with_settings({"likelihood": "normal"})) == mistakes(config)[:2]


def test_nothing_is_set_twice_or_for_nothing():
    for settings in (
        {"prior": "vamp", "components": 5, "prior.components": 6},
        {"prior": {"name": "vamp", "components": 5}, "components": 6},
    ):
        with pytest.raises(InputError, match="'components' of the prior is set twice"):
            Config.of(**settings)
    with pytest.raises(InputError, match="'beta' is set twice"):
        parse_settings(["beta=1", " beta = 2"])
    with pytest.raises(InputError, match="--recipe conv"):
        parse_settings(["recipe=conv"])
    with pytest.raises(InputError, match="RECIPES\\['conv'\\]"):
        Config.of(recipe="conv")
    with pytest.raises(InputError, match="'width' has no effect: the encoder and the decoder are custom"):
        Config.of(encoder=nn.Flatten(), decoder=nn.Identity(), width=5)


def test_a_new_choice_is_one_class_that_others_know_by_what_it_says():
    @dataclass(frozen=True)
    class Even(Uniform, name="even"):
        pass

    try:
        assert Config.of(posterior="fsq", prior="even").prior == Even()  # as it says that it is over codes
        with pytest.raises(InputError, match="posterior must be fsq or vq"):
            Config.of(prior="even")
        with pytest.raises(InputError, match="already a prior named 'vamp': Vamp"):

            class Vamp(Prior, name="vamp"):
                pass
    finally:
        del CHOICES["prior"]["even"]
