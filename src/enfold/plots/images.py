"""Images as pixels, and tiled into one."""

import math

import numpy as np

from enfold.spec import Spec

WHITE, CLEAR = 255, np.array([128, 128, 128, 0], np.uint8)  # between tiles


def pixels(x: np.ndarray, spec: Spec) -> np.ndarray:
    """Return images as they look, uint8 in 0…255: (n, H, W) if gray, (n, H, W, 3) if in color.

    Of images with more than 3 channels the first three are used, of those with 2 the first.

    Args:
        x: Raw images, (n, C, H, W), with intensities in 0…`spec.scale`.
        spec: Their shape, kind and range.
    """
    shares = np.clip(np.asarray(x, np.float32) / spec.scale.max(), 0, 1)
    bytes_ = np.rint(shares * 255).astype(np.uint8)
    return bytes_[:, :3].transpose(0, 2, 3, 1) if spec.shape[0] >= 3 else bytes_[:, 0]


def sheet(x: np.ndarray, spec: Spec, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Return images tiled row by row into one, uint8 in 0…255, each pixel as it is: (H, W) or (H, W, 3).

    Args:
        x: Raw images, (n, C, H, W).
        spec: Their shape, kind and range.
        columns: How many side by side; by default as many as make the sheet about square.
        gap: Pixels of white between two images.
    """
    return tiled(pixels(x, spec), columns, gap)


def tiles(x: np.ndarray, spec: Spec) -> np.ndarray:
    """Return images as pixels with an opacity, (n, H, W, 4) uint8, so that the gaps between them can be clear."""
    shown = pixels(x, spec)
    shown = shown if shown.ndim == 4 else shown[..., None].repeat(3, -1)
    return np.concatenate([shown, np.full_like(shown[..., :1], 255)], -1)


def tiled(shown: np.ndarray, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Return pixels, (n, H, W, …) uint8, row by row in one array; the gaps are white, or clear beside an opacity."""
    n, height, width = shown.shape[:3]
    columns = columns or math.ceil(math.sqrt(n))
    rows, down, across = math.ceil(n / columns), height + gap, width + gap
    canvas = np.empty((rows * down - gap, columns * across - gap, *shown.shape[3:]), np.uint8)
    canvas[:] = CLEAR if shown.shape[3:] == (4,) else WHITE
    for i, tile in enumerate(shown):
        top, left = i // columns * down, i % columns * across
        canvas[top : top + height, left : left + width] = tile
    return canvas
