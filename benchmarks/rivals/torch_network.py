"""The notebook's network as a PyTorch user would write it: 550,629 parameters."""

import torch.nn.functional as F
from torch import nn

LATENT_DIM = 2


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(64, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3, padding=1)
        self.dense = nn.Linear(14 * 14 * 64, 32)
        self.mu = nn.Linear(32, LATENT_DIM)
        self.log_variance = nn.Linear(32, LATENT_DIM)

    def forward(self, x):  # (B, 1, 28, 28) → (B, 2), (B, 2)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = F.relu(conv(x))
        h = F.relu(self.dense(x.flatten(1)))
        return self.mu(h), self.log_variance(h)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(LATENT_DIM, 14 * 14 * 64)
        self.deconv = nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1)
        self.conv = nn.Conv2d(32, 1, 3, padding=1)

    def forward(self, z):  # (B, 2) → (B, 1, 28, 28)
        h = F.relu(self.dense(z)).view(-1, 64, 14, 14)
        return self.conv(F.relu(self.deconv(h))).sigmoid()
