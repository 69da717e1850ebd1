"""Pictures of clips, for the eye."""

import numpy as np

from ..flow.encoding import decode, flow_to_color
from .text import measure, write

_BACKGROUND, _INK = 24, (235, 235, 235)
_GAP = 2  # pixels between frames
_LINE, _SIZE = 20, 13  # pixels: the height of a line of text, and of its letters
_SMALLEST = (
    96  # pixels; smaller frames are enlarged by a whole factor, so that every pixel stays a pixel
)


def contact_sheet(clip, modality='RGB', title='', columns=8, bound=20):
    """Draws a clip as one picture: its frames in rows, under a strip with the title.

    Args:
        clip (array): uint8 T x H x W x C, or N x T x H x W x C (each of the N clips begins a row);
            C = 3 (RGB as it is) or 2 (8-bit flow, drawn by `flow_to_color`).
        modality (str): 'RGB' or 'Flow'.
        title (str): may have several lines.
        columns (int): frames in a row.
        bound (float): of the flow's 8-bit encoding, pixels per frame.

    Returns:
        uint8 array height x width x 3, RGB.
    """
    clip = np.asarray(clip)
    clips = clip[None] if clip.ndim == 4 else clip
    if modality == 'Flow':
        flow = decode(clips, bound)
        full = max(1.0, float(np.percentile(np.hypot(flow[..., 0], flow[..., 1]), 99)))
        title = f'{title}  full colour: {full:.1f} px/frame'.strip()
        clips = flow_to_color(flow, full)
    factor = max(1, round(_SMALLEST / min(clips.shape[2:4])))
    clips = clips.repeat(factor, axis=2).repeat(factor, axis=3)
    rows = [
        _row(frames[start : start + columns])
        for frames in clips
        for start in range(0, len(frames), columns)
    ]
    return stack([_strip(line) for line in title.splitlines()] + rows)


def stack(images):
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


def _row(frames):
    return np.concatenate(
        [
            np.pad(frame, ((_GAP, 0), (_GAP, 0), (0, 0)), constant_values=_BACKGROUND)
            for frame in frames
        ],
        axis=1,
    )


def _strip(line):
    strip = np.full((_LINE, measure(line, _SIZE) + 12, 3), _BACKGROUND, np.uint8)
    write(strip, line, 6, _LINE - 6, _SIZE, _INK)
    return strip
