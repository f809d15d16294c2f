"""The optimizers are torch's own, but for what they spare; the notebook's is held to Keras in `test_notebook`."""

import json
import subprocess
import sys

import torch

from enfold import Config
from enfold.optimizers import EagerAdam


def test_adam_is_torchs_to_the_last_bit():
    weights = []
    for optimizer in (EagerAdam, torch.optim.Adam):
        torch.manual_seed(0)
        layer = torch.nn.Linear(20, 30)
        made = optimizer(layer.parameters(), lr=0.01, fused=True)
        for _ in range(10):
            layer(torch.randn(8, 20)).square().mean().backward()
            made.step()
            made.zero_grad()
        assert all(each.grad is None for each in layer.parameters())
        weights.append(layer.weight)
    assert torch.equal(*weights)


def test_the_settings_reach_it():
    weights = torch.nn.Parameter(torch.ones(2))
    [adam] = Config.of(learning_rate=0.01, beta2=0.95).optimizer.build([weights]).param_groups
    assert (adam["lr"], adam["betas"]) == (0.01, (0.9, 0.95))
    [rmsprop] = Config.of(optimizer="rmsprop", learning_rate=0.01).optimizer.build([weights]).param_groups
    assert (rmsprop["lr"], rmsprop["rho"]) == (0.01, 0.9)


def test_training_does_not_import_torchs_compiler():
    code = (
        "import json, sys, numpy, enfold\n"
        "x, loaded = numpy.zeros((40, 1, 8, 8), numpy.uint8), []\n"
        "for optimizer in ('adam', 'rmsprop'):\n"
        "    config = enfold.Config.of(width=16, epochs=1, optimizer=optimizer, ema=0.9)\n"
        "    steps = [*enfold.train(enfold.build.autoencoder(config, enfold.load(x).spec), x, config)]\n"
        "    loaded.append([len(steps), 'torch._dynamo' in sys.modules])\n"
        "print(json.dumps(loaded))"
    )
    out = subprocess.run([sys.executable, "-c", "import enfold.build\n" + code], capture_output=True, check=True)
    assert json.loads(out.stdout) == [[1, False], [1, False]]
