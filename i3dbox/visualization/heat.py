"""A video beside where a network looked in it."""

from __future__ import annotations

import cv2
import numpy as np

from ..flow.encoding import decode, flow_to_color
from .contact_sheet import full_scale
from .labelled_video import clock, picture_size
from .text import measure, shorten, write

_BACKGROUND = 24
_INK = (240, 240, 240)
_DIM = (165, 165, 165)
_GAP = 4  # pixels between panels
_LINE = 24  # pixels: the height of a line of text
_LEAST = 480  # pixels: the width that the text has
_OPACITY = 0.75  # of the hottest


def heat_over(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Paints heat over a picture in grey, as flow has colours of its own: the hotter, the redder
    and the less of the picture; nothing where there is no heat.

    Args:
        picture: uint8 H x W x 3, RGB. heat: float32 H x W, from 0 to 1.

    Returns: uint8 H x W x 3, RGB.
    """
    levels = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_JET)[..., ::-1]
    share = (_OPACITY * np.sqrt(np.clip(heat, 0, 1)))[..., None]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    return np.rint(grey * (1 - share) + colors * share).astype(np.uint8)


def as_pictures(frames: np.ndarray, bound: float = 20) -> np.ndarray:
    """Returns frames as a network sees them as RGB for the eye, uint8 F x H x W x 3: flow (C = 2,
    8-bit with `bound`) as colours, of which full ones are 99 % of the video's.
    """
    if frames.shape[-1] == 3:
        return frames
    # of all frames a few will do, and take no memory
    full = full_scale(decode(frames[:: max(len(frames) // 64, 1)], bound))
    return np.stack([flow_to_color(decode(frame, bound), full) for frame in frames])


def heat_picture(
    pictures: dict[str, np.ndarray], heats: dict[str, np.ndarray], name: str, time: float
) -> np.ndarray:
    """Draws one picture of a video: for each stream a row, its frame and beside it the heat over
    it; and below the class.

    Args:
        pictures: uint8 H x W x 3, RGB, by title of the stream. heats: float32 H x W by it.
        name: of the class, perhaps with its score; in any script.
        time: seconds, of the frame.

    Returns: uint8 array, height and width even, RGB.
    """
    size = picture_size(*next(iter(pictures.values())).shape[:2])
    width = max(2 * size[0] + _GAP, _LEAST)
    rows = []
    for title, picture in pictures.items():
        heat = cv2.resize(heats[title], size, interpolation=cv2.INTER_LINEAR)
        picture = _enlarged(picture, size)
        row = np.full((size[1] + _LINE, width, 3), _BACKGROUND, np.uint8)
        row[: size[1], : size[0]] = picture
        row[: size[1], size[0] + _GAP : 2 * size[0] + _GAP] = heat_over(picture, heat)
        write(row, shorten(title, 14, width - 12), 6, size[1] + 18, 14, _DIM)
        rows.append(row)
    strip = np.full((2 * _LINE, width, 3), _BACKGROUND, np.uint8)
    at = clock(time)
    end = width - 6 - measure(at, 14)
    write(strip, shorten(name, 22, end - 18), 6, 30, 22, _INK)
    write(strip, at, end, 30, 14, _DIM)
    return np.concatenate([*rows, strip])


def _enlarged(picture, size):
    way = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(picture, size, interpolation=way)
