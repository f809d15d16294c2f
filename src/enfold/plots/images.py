"""Examples that are images: as pixels, and tiled into one."""

import math
from typing import Any

import numpy as np

from enfold.spec import Spec

GAP = 255  # between tiles: the page's white
GRAY: dict[str, Any] = {  # color images ignore it
    "cmap": "gray",
    "vmin": 0,
    "vmax": 255,
    "interpolation_stage": "data",  # the same for a map that is linear, in a third of the memory
}


def pixels(x: np.ndarray, spec: Spec) -> np.ndarray:
    """Return images as they look, uint8 in 0…255: (n, H, W) if gray, (n, H, W, 3) if in color.

    Of images with more than 3 channels the first three, of those with 2 the first.

    Args:
        x: Raw images, (n, C, H, W), with intensities in 0…`spec.scale`.
        spec: What they are.
    """
    shares = np.clip(np.asarray(x, np.float32) / spec.scale.max(), 0, 1)
    bytes_ = np.rint(shares * 255).astype(np.uint8)
    return bytes_[:, :3].transpose(0, 2, 3, 1) if spec.shape[0] >= 3 else bytes_[:, 0]


def sheet(x: np.ndarray, spec: Spec, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Return images tiled row by row into one, uint8 in 0…255, each pixel as it is: (H, W) or (H, W, 3).

    Args:
        x: Raw images, (n, C, H, W).
        spec: What they are.
        columns: How many side by side; without it, as many as make the sheet about square.
        gap: Pixels of white between two images.
    """
    tiles = pixels(x, spec)
    n, height, width = tiles.shape[:3]
    columns = columns or math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    down, across = height + gap, width + gap
    canvas = np.full((rows * down - gap, columns * across - gap, *tiles.shape[3:]), GAP, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * down, i % columns * across
        canvas[top : top + height, left : left + width] = tile
    return canvas
