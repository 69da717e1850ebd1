"""The flow methods that OpenCV brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from ...errors import ConfigError
from ...registry import FLOW_METHODS

if TYPE_CHECKING:
    import numpy as np


# OpenCV's objects hold scratch memory, so that each call makes its own


@FLOW_METHODS.register(name='tvl1_opencv')
class OpenCVTVL1:
    """OpenCV's TV-L1 at its defaults: the reference that `tvl1` is held against, and many times
    slower.

    Raises:
        ConfigError: this OpenCV lacks it.
    """

    def __init__(self):
        if not hasattr(cv2, 'optflow'):
            raise ConfigError(
                "tvl1_opencv needs OpenCV's contrib build (pip install "
                "opencv-contrib-python-headless, and no other opencv beside it); 'tvl1' does not"
            )

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return cv2.optflow.DualTVL1OpticalFlow_create().calc(first, second, None)


@FLOW_METHODS.register(name='dis')
class DIS:
    """Dense inverse search (Kroeger et al. 2016), OpenCV's preset 'medium': fast, and no stand-in
    for TV-L1 where weights were made with that.
    """

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        algorithm = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return algorithm.calc(first, second, None)


@FLOW_METHODS.register(name='farneback')
class Farneback:
    """Farneback's polynomial expansion (2003), with the parameters of OpenCV's samples."""

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return cv2.calcOpticalFlowFarneback(first, second, None, 0.5, 3, 15, 3, 5, 1.2, 0)
