"""Optical flow on the fly."""

from __future__ import annotations

import cv2
import numpy as np

from ...argument_checks import above_zero
from ...flow.encoding import encode
from ...registry import FLOW_METHODS, PIPELINES, as_cfg
from .spatial import map_frames


def grey_of(image: np.ndarray) -> np.ndarray:
    """Returns what flow is computed from: uint8 H x W of an RGB frame H x W x 3."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


@PIPELINES.register
class ComputeFlow:
    """Computes flow from the frames of a video.

    Needs: imgs, modality. Writes: imgs (list of uint8 H x W x 2, x and y, see
        flow.encoding.encode).

    Put it after Resize and before the crops, and the flow is that which tools/data/extract_flow.py
    writes, but for JPEG. Where `imgs` are flow already, or the modality is RGB, it does nothing, so
    that one pipeline serves both streams and all sources.

    Args:
        method (str or dict): 'tvl1', 'dis', 'farneback', 'tvl1_opencv', or a config of
            FLOW_METHODS.
        bound (float): flow is cut to [-bound, bound], in pixels per frame.

    Raises:
        ConfigError: a bound that is no number above 0; (when called) a method that cannot be built.
    """

    needs = ('imgs', 'modality')

    def __init__(self, method: str | dict = 'tvl1', bound: float = 20):
        above_zero('ComputeFlow', bound=bound)
        self.method = as_cfg(method)
        self.bound = bound
        self._compute = None  # built when needed, as some methods take long to import

    def prepare(self) -> None:
        """Builds the method, which is done but once; not for several threads."""
        self._compute = self._compute or FLOW_METHODS.build(self.method)

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Returns the flow from one grey image (uint8 H x W) to the next, 8-bit, H x W x 2. Threads
        may call it after `prepare`.
        """
        return encode(self._compute(first, second), self.bound)

    def __call__(self, results: dict) -> dict:
        imgs = results['imgs']
        if results['modality'] != 'Flow' or imgs[0].shape[2] == 2:
            return results
        self.prepare()
        grey = map_frames(imgs, grey_of)
        flow = {}
        results['imgs'] = []
        for first, second in zip(grey[::2], grey[1::2]):
            pair = id(first), id(second)
            if pair not in flow:
                flow[pair] = self.between(first, second)
            results['imgs'].append(flow[pair])
        return results
