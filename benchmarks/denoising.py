"""How well noise is removed from held-out digits: by a model, by scikit-image, and by principal components.

The rivals have the settings that are best for the very rows and noise that they are measured on, which favors them;
the model is told neither the kind nor the level of the noise.
"""

from functools import cache, partial
from itertools import product

import numpy as np
from models import trained
from scipy.ndimage import median_filter
from seeds import Line, digits, markdown, table
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from enfold.corruptions import gaussian, salt_and_pepper
from enfold.inference import decode_means, encode_means
from enfold.metrics.denoising import Projection, similarity
from enfold.sections.denoising import noisy

ROWS = 500  # of those held out
FITTED = 20_000  # training rows, for the components
NOISE = {
    "σ 0.25": partial(gaussian, level=0.25),
    "σ 0.5": partial(gaussian, level=0.5),
    "s&p 30%": partial(salt_and_pepper, level=0.3),
}
GAIN = "gain at σ 0.5"
METRICS = (*(f"{metric} {noise}" for noise in NOISE for metric in ("PSNR", "SSIM")), GAIN, "seconds")


def grid(f, **settings):
    """Return the function with each combination of settings."""
    return [partial(f, **dict(zip(settings, each, strict=True))) for each in product(*settings.values())]


FILTERS = {
    "non-local means": grid(
        denoise_nl_means, patch_size=(3, 5, 7), patch_distance=(5, 9, 13), h=(0.1, 0.15, 0.2, 0.3), sigma=(0, 0.25)
    ),
    "total variation": grid(denoise_tv_chambolle, weight=(0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7)),
    "wavelets": grid(
        denoise_wavelet,
        wavelet=("db1", "db2", "sym4", "bior2.2"),
        method=("BayesShrink", "VisuShrink"),
        mode=("soft", "hard"),
        sigma=(None, 0.1, 0.2, 0.3, 0.4, 0.6),
    ),
    "median filter": grid(median_filter, size=(3, 5)),
}


def run(seed):
    """Train once; return the metrics by noise, what is gained over the best of the rivals in dB, and the rivals'."""
    data = digits()
    model, _, about = trained("denoise", {}, data, seed)
    rows, spec, found = data.unseen[:ROWS], data.spec, {}
    for name, change in NOISE.items():
        x = decode_means(model, encode_means(model, noisy(rows.x, partial(change, spec=spec))))
        values = measured(rows.x / spec.scale, x / spec.scale, spec)
        found |= {f"PSNR {name}": values["psnr"], f"SSIM {name}": values["ssim"]}
    best = max(each["psnr"] for each in rivals()["σ 0.5"].values())
    return {**found, GAIN: found["PSNR σ 0.5"] - best, "rivals": rivals(), **about}


@cache
def rivals():
    """Return for each noise and rival its best settings, and the PSNR and SSIM that they give."""
    data = digits()
    seen, unseen, spec = data.seen, data.unseen, data.spec
    clean = unseen.x[:ROWS] / spec.scale
    projection, found = Projection.of((seen.x[:FITTED] / spec.scale).reshape(FITTED, -1)), {}
    for name, change in NOISE.items():
        x = np.float64(noisy(unseen.x[:ROWS], partial(change, spec=spec)) / spec.scale)
        found[name] = {rival: best(filters, clean, x, spec) for rival, filters in FILTERS.items()}
        found[name]["principal components"] = components(projection, clean, x, spec)
    return found


def best(filters, clean, x, spec):
    results = [measured(clean, np.stack([f(image[0])[None] for image in x]), spec) for f in filters]
    first = max(range(len(filters)), key=lambda i: results[i]["psnr"])
    return {"settings": ", ".join(f"{k} {v}" for k, v in filters[first].keywords.items()), **results[first]}


def components(projection, clean, x, spec):
    flat = x.reshape(len(x), -1)
    rank = projection.best_rank(flat, clean.reshape(len(x), -1))
    return {"settings": f"rank {rank}", **measured(clean, projection.denoised(flat, rank).reshape(x.shape), spec)}


def measured(clean, x, spec):
    return {name: value for name, (value, _) in similarity(clean, x.clip(0, 1), spec).items()}


LINES = {
    "denoise": Line(
        "noise removed from digits",
        run,
        METRICS,
        bounds={GAIN: (3, None)},
        known="what the other methods below reach",
    )
}


def section(results):
    """Return the metrics of each seed, and those of the other methods."""
    result = results["denoise"]
    found = next(iter(result["seeds"].values()))["rivals"]
    lines = [["noise", "method", "its best settings", "PSNR, dB", "SSIM"]]
    lines += [
        [noise, rival, each["settings"], f"{each['psnr']:.2f}", f"{each['ssim']:.3f}"]
        for noise, rivals in found.items()
        for rival, each in rivals.items()
    ]
    return f"""## Noise

Noise is added to {ROWS} of the held-out digits, and the result is clipped to the range of pixels. PSNR is that of all
of them together. The model is given neither the kind nor the level of the noise. Each other method has the settings
that are best for these very images and this noise, which favors it.

{table("denoise", LINES["denoise"], result)}
{markdown(lines)}
"""
