"""A video beside where a network looked in it."""

from __future__ import annotations

from collections.abc import Sequence

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
_STRIP = 64  # pixels: the height of the lines below
_LEAST = 480  # pixels: the width that the text has
_OPACITY = 0.75  # of the hottest


def heat_over(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Paints heat over a picture: the hotter, the redder and the less of the picture; none where
    there is no heat.

    Args:
        picture: uint8 H x W x 3, RGB. heat: float32 H x W, from 0 to 1.

    Returns: uint8 H x W x 3, RGB.
    """
    levels = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_JET)[..., ::-1]
    share = (_OPACITY * np.sqrt(np.clip(heat, 0, 1)))[..., None]
    return np.rint(picture * (1 - share) + colors * share).astype(np.uint8)


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
    pictures: Sequence[np.ndarray],
    heats: Sequence[np.ndarray],
    titles: Sequence[str],
    name: str,
    time: float,
) -> np.ndarray:
    """Draws one picture of a video: the first stream's frame, beside it each stream's with its heat
    over it, and below what they are.

    Args:
        pictures: uint8 H x W x 3, RGB, of each stream. heats: float32 H x W of each.
        titles: of the panels, one more than streams.
        name: of the class, perhaps with its score; in any script.
        time: seconds, of the frame.

    Returns: uint8 array, height and width even, RGB.
    """
    size = picture_size(*pictures[0].shape[:2])
    shown = [_enlarged(pictures[0], size)]
    for picture, heat in zip(pictures, heats):
        heat = cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR)
        shown.append(heat_over(_enlarged(picture, size), heat))
    gap = np.full((size[1], _GAP, 3), _BACKGROUND, np.uint8)
    row = np.concatenate([part for panel in shown for part in (panel, gap)][:-1], axis=1)
    room = max(_LEAST - row.shape[1], 0)
    row = np.pad(row, ((0, 0), (0, room), (0, 0)), constant_values=_BACKGROUND)
    strip = np.full((_STRIP, row.shape[1], 3), _BACKGROUND, np.uint8)
    for number, title in enumerate(titles):
        x = number * (size[0] + _GAP) + 6
        write(strip, shorten(title, 14, size[0] - 12), x, 18, 14, _DIM)
    at = clock(time)
    end = strip.shape[1] - 6 - measure(at, 14)
    write(strip, shorten(name, 22, end - 18), 6, 50, 22, _INK)
    write(strip, at, end, 50, 14, _DIM)
    return np.concatenate([row, strip])


def _enlarged(picture, size):
    way = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(picture, size, interpolation=way)
