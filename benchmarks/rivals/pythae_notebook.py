"""The notebook's network in pythae's own VAE and trainer, timed. Prints one JSON object.

python pythae_notebook.py IMAGES BATCH WARM_UP TIMED   # images a second
"""

import json
import sys
import tempfile
from time import perf_counter

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch_network import LATENT_DIM, Decoder, Encoder


class NotebookEncoder(BaseEncoder):
    def __init__(self):
        super().__init__()
        self.net = Encoder()

    def forward(self, x):
        mu, log_variance = self.net(x)
        return ModelOutput(embedding=mu, log_covariance=log_variance)


class NotebookDecoder(BaseDecoder):
    def __init__(self):
        super().__init__()
        self.net = Decoder()

    def forward(self, z):
        return ModelOutput(reconstruction=self.net(z))


class Clock(TrainingCallback):
    """The time after every step."""

    def __init__(self):
        self.times = []

    def on_train_step_end(self, training_config, **kwargs):
        self.times.append(perf_counter())


def trainer(images, batch, clock, folder):
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=LATENT_DIM, reconstruction_loss="bce")
    training = BaseTrainerConfig(
        output_dir=folder,
        num_epochs=1,
        per_device_train_batch_size=batch,
        optimizer_cls="RMSprop",
        optimizer_params={"alpha": 0.9},
        learning_rate=1e-3,
    )
    x = torch.from_numpy(images).unsqueeze(1).float() / 255
    data = BaseDataset(x, torch.zeros(len(x)))
    return BaseTrainer(VAE(config, NotebookEncoder(), NotebookDecoder()), data, None, training, [clock])


def main(path, batch, warm_up, timed):
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer(np.load(path)[: warm_up + timed], batch, clock, folder).train()
    return timed / (clock.times[-1] - clock.times[warm_up // batch - 1])


if __name__ == "__main__":
    print(json.dumps({"value": main(sys.argv[1], *map(int, sys.argv[2:]))}))
