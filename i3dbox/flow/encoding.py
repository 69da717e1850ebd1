"""Optical flow as 8-bit images, and as colours for the eye.

Flow is ... x 2, x (to the right) and y (downwards), in pixels per frame. The bound of 20 is the
authors' (google-deepmind/kinetics-i3d: flow is cut to [-20, 20]).
"""

from __future__ import annotations

import cv2
import numpy as np


def encode(flow: np.ndarray, bound: float = 20) -> np.ndarray:
    """Maps flow to 8 bits: cut to [-bound, bound], which becomes [0, 255]; rounded.

    Args:
        flow: any shape, pixels per frame.
        bound: the largest magnitude of a component that can be told, in pixels per frame.

    Returns:
        uint8 array of the same shape.
    """
    flow = np.clip(np.asarray(flow, np.float32), -bound, bound)
    return np.rint((flow + bound) * (255 / (2 * bound))).astype(np.uint8)


def decode(image: np.ndarray, bound: float = 20) -> np.ndarray:
    """Maps 8-bit flow back to pixels per frame (float32); off by up to bound / 255 for the
    rounding.
    """
    return np.asarray(image).astype(np.float32) * (2 * bound / 255) - bound


def flow_to_color(flow: np.ndarray, bound: float = 20) -> np.ndarray:
    """Draws flow with a colour wheel: the hue tells the direction, the saturation the magnitude.

    Rest is white; right is red, down is yellow-green, left is cyan, up is violet.

    Args:
        flow: ... x H x W x 2, pixels per frame.
        bound: the magnitude that gets full colour; larger ones do too.

    Returns:
        uint8 array ... x H x W x 3, RGB.
    """
    flow = np.asarray(flow, np.float32)
    x = flow[..., 0]
    y = flow[..., 1]
    # OpenCV counts in steps of 2 degrees
    hue = np.rint(np.degrees(np.arctan2(y, x)) / 2).astype(int) % 180
    saturation = np.rint(np.clip(np.hypot(x, y) / bound, 0, 1) * 255)
    hsv = np.stack([hue, saturation, np.full_like(x, 255)], axis=-1).astype(np.uint8)
    # cvtColor takes one image: the leading axes become more rows of it
    return cv2.cvtColor(hsv.reshape(-1, flow.shape[-2], 3), cv2.COLOR_HSV2RGB).reshape(hsv.shape)
