"""Pictures of clips, for the eye."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..flow.encoding import decode, flow_to_color
from .text import measure, write

_BACKGROUND = 24
_INK = (235, 235, 235)
_GAP = 2  # pixels between frames
_LINE = 20  # pixels: the height of a line of text
_SIZE = 13  # pixels: the height of its letters
# pixels; smaller frames are enlarged by a whole factor, so that every pixel stays a pixel
_SMALLEST = 96


def contact_sheet(
    clip: np.ndarray, modality: str = 'RGB', title: str = '', columns: int = 8, bound: float = 20
) -> np.ndarray:
    """Draws a clip as one picture: its frames in rows, under a strip with the title.

    Args:
        clip: uint8 T x H x W x C, or N x T x H x W x C (each of the N clips begins a row); C = 3
            (RGB as it is) or 2 (8-bit flow, drawn by `flow_to_color`).
        modality: 'RGB' or 'Flow'.
        title: may have several lines.
        columns: frames in a row.
        bound: of the flow's 8-bit encoding, pixels per frame.

    Returns:
        uint8 array height x width x 3, RGB.
    """
    clip = np.asarray(clip)
    clips = clip[None] if clip.ndim == 4 else clip
    if modality == 'Flow':
        flow = decode(clips, bound)
        full = full_scale(flow)
        title = f'{title}  full colour: {full:.1f} px/frame'.strip()
        clips = flow_to_color(flow, full)
    factor = max(1, round(_SMALLEST / min(clips.shape[2:4])))
    clips = clips.repeat(factor, axis=2).repeat(factor, axis=3)
    gaps = ((0, 0), (0, 0), (_GAP, 0), (_GAP, 0), (0, 0))
    rows = [
        np.concatenate(frames[start : start + columns], axis=1)
        for frames in np.pad(clips, gaps, constant_values=_BACKGROUND)
        for start in range(0, len(frames), columns)
    ]
    return stack([_strip(line) for line in title.splitlines()] + rows)


def full_scale(flow: np.ndarray) -> float:
    """Returns the pixels per frame that full colour stands for: 99 % of the flow lie below."""
    return max(1.0, float(np.percentile(np.hypot(flow[..., 0], flow[..., 1]), 99)))


def stack(images: Sequence[np.ndarray]) -> np.ndarray:
    """Puts RGB images of any widths below each other."""
    width = max(image.shape[1] for image in images)
    return np.concatenate(
        [
            np.pad(
                image, ((0, 0), (0, width - image.shape[1]), (0, 0)), constant_values=_BACKGROUND
            )
            for image in images
        ]
    )


def _strip(line):
    strip = np.full((_LINE, measure(line, _SIZE) + 12, 3), _BACKGROUND, np.uint8)
    write(strip, line, 6, _LINE - 6, _SIZE, _INK)
    return strip
