"""The notebook's network in a plain PyTorch loop, after PyTorch's own VAE example, timed. Prints one JSON object.

python plain_torch.py IMAGES BATCH WARM_UP TIMED   # images a second
"""

import json
import sys
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch_network import Decoder, Encoder


class Images(Dataset):
    """One image at a time as a tensor in 0…1, as torchvision's MNIST with ToTensor gives it."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, row):
        return torch.from_numpy(self.images[row]).unsqueeze(0).to(torch.float32).div(255)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x):
        mu, log_variance = self.encoder(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * log_variance)
        return self.decoder(z), mu, log_variance


def loss_function(decoded, x, mu, log_variance):
    cross_entropy = F.binary_cross_entropy(decoded.view(-1, 784), x.view(-1, 784), reduction="sum")
    return cross_entropy - 0.5 * torch.sum(1 + log_variance - mu.pow(2) - log_variance.exp())


def train_epoch(model, optimizer, loader):
    model.train()
    total = 0.0
    for x in loader:
        optimizer.zero_grad()
        decoded, mu, log_variance = model(x)
        loss = loss_function(decoded, x, mu, log_variance)
        loss.backward()
        total += loss.item()
        optimizer.step()
    return total / len(loader.dataset)


def main(path, batch, warm_up, timed):
    images, model = np.load(path), VAE()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9)
    parts = images[:warm_up], images[warm_up : warm_up + timed]
    first, rest = (DataLoader(Images(part), batch_size=batch, shuffle=True) for part in parts)
    train_epoch(model, optimizer, first)
    began = perf_counter()
    train_epoch(model, optimizer, rest)
    return timed / (perf_counter() - began)


if __name__ == "__main__":
    print(json.dumps({"value": main(sys.argv[1], *map(int, sys.argv[2:]))}))
