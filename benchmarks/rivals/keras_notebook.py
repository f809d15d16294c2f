"""The notebook in Keras, as its author wrote it, timed. Prints one JSON object.

python keras_notebook.py train    IMAGES BATCH WARM_UP TIMED   # images a second
python keras_notebook.py encode   IMAGES WARM_UP TIMED         # seconds
python keras_notebook.py manifold SIDE                         # seconds
python keras_notebook.py fit      IMAGES HELD_OUT              # one epoch of the whole job, for its memory
python keras_notebook.py steps    ORACLE COUNT                 # losses of so many steps on the oracle's images
"""

import json
import sys
from statistics import NormalDist
from time import perf_counter

import keras
import numpy as np
from keras import layers, ops

LATENT_DIM = 2
RATE_WEIGHT = 5e-4
SPLIT_SEED = 555
BATCH = 16
ENCODER_LAYERS = ("conv1", "conv2", "conv3", "conv4", "dense", "z_mu", "z_log_sigma")
DECODER_LAYERS = ("decoder_dense", "decoder_deconv", "decoder_conv")


class Sampling(layers.Layer):
    def __init__(self, noise=None):
        super().__init__()
        self.noise = noise

    def call(self, inputs):
        mu, log_sigma = inputs
        noise = keras.random.normal(ops.shape(mu)) if self.noise is None else self.noise
        return mu + ops.exp(log_sigma) * noise


class NotebookLoss(layers.Layer):
    """Adds the loss, with its mistakes, and passes the reconstruction on."""

    def call(self, inputs):
        x, decoded, mu, log_sigma = inputs
        flat = (ops.reshape(each, (-1, 784)) for each in (x, decoded))
        cross_entropy = keras.losses.binary_crossentropy(*flat)
        rate = -RATE_WEIGHT * ops.mean(1 + log_sigma - ops.square(mu) - ops.exp(log_sigma), axis=-1)
        self.add_loss(ops.mean(cross_entropy + rate))
        return decoded


def encoder():
    x = keras.Input((28, 28, 1))
    h = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    h = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(h)
    h = layers.Conv2D(64, 3, padding="same", activation="relu")(h)
    h = layers.Conv2D(64, 3, padding="same", activation="relu")(h)
    h = layers.Dense(32, activation="relu")(layers.Flatten()(h))
    return keras.Model(x, [layers.Dense(LATENT_DIM)(h), layers.Dense(LATENT_DIM)(h)])


def decoder():
    z = keras.Input((LATENT_DIM,))
    h = layers.Reshape((14, 14, 64))(layers.Dense(12544, activation="relu")(z))
    h = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(h)
    return keras.Model(z, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(h))


def autoencoder(encoder, decoder, noise=None):
    x = keras.Input((28, 28, 1))
    mu, log_sigma = encoder(x)
    decoded = decoder(Sampling(noise)([mu, log_sigma]))
    model = keras.Model(x, NotebookLoss()([x, decoded, mu, log_sigma]))
    model.compile(optimizer="rmsprop")
    return model


def load(path):
    return (np.load(path).astype("float32") / 255)[..., None]  # (n, 28, 28, 1)


def seconds(f, *arguments, **options):
    began = perf_counter()
    f(*arguments, **options)
    return perf_counter() - began


def train(images, batch, warm_up, timed):
    x, model = load(images), autoencoder(encoder(), decoder())
    options = {"batch_size": int(batch), "epochs": 1, "verbose": 0}
    warm_up, timed = int(warm_up), int(timed)
    model.fit(x[:warm_up], **options)
    return timed / seconds(model.fit, x[warm_up : warm_up + timed], **options)


def encode(images, warm_up, timed):
    x, model = load(images), encoder()
    model.predict(x[: int(warm_up)], verbose=0)
    return seconds(model.predict, x[: int(timed)], verbose=0)


def manifold(side):
    steps = [NormalDist().inv_cdf(p) for p in np.linspace(0.05, 0.95, int(side))]
    model = decoder()
    model.predict(np.zeros((1, 2), "float32"), verbose=0)
    cells = [np.array([[horizontal, vertical]], "float32") for vertical in steps for horizontal in steps]
    return seconds(lambda: [model.predict(cell, verbose=0) for cell in cells])


def fit(images, held_out):
    x = load(images)
    rows = np.random.RandomState(SPLIT_SEED).permutation(len(x))
    unseen, seen = x[rows[: int(held_out)]], x[rows[int(held_out) :]]
    model = autoencoder(encoder(), decoder())
    return seconds(model.fit, seen, batch_size=BATCH, epochs=1, validation_data=(unseen, None), verbose=0)


def steps(oracle, count):
    """Return the losses of steps that all have the oracle's images and noise, from its weights on."""
    arrays, parts = np.load(oracle), (encoder(), decoder())
    for part, names in zip(parts, (ENCODER_LAYERS, DECODER_LAYERS), strict=True):
        part.set_weights([arrays[f"weights/{name}/{kind}"] for name in names for kind in ("kernel", "bias")])
    model, x = autoencoder(*parts, arrays["epsilon"]), (arrays["images"].astype("float32") / 255)[..., None]
    return [float(model.train_on_batch(x)) for _ in range(int(count))]


if __name__ == "__main__":
    jobs = {"train": train, "encode": encode, "manifold": manifold, "fit": fit, "steps": steps}
    print(json.dumps({"value": jobs[sys.argv[1]](*sys.argv[2:])}))
