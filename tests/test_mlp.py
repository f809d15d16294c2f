"""The perceptrons learn alike whatever the size of an example."""

import pytest
import torch

from enfold.nets.mlp import FEW_INPUTS, mlp_encoder


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.RMSprop])
def test_a_step_moves_the_features_of_a_large_example_as_those_of_a_small_one(optimizer):
    """Features begin as large, and a step changes them as much, for 16 times the inputs."""
    sizes, steps = [], []
    for size in (FEW_INPUTS, 16 * FEW_INPUTS):
        torch.manual_seed(0)
        layer = mlp_encoder(size, 64, 0)[1]
        x = torch.rand(32, size)
        before = layer(x)
        before.square().mean().backward()
        optimizer(layer.parameters(), 1e-3).step()
        sizes.append(before.std().item())
        steps.append((layer(x) - before).abs().mean().item())
    assert sizes[1] == pytest.approx(sizes[0], rel=0.2)
    assert steps[1] == pytest.approx(steps[0], rel=0.2)
