"""TV-L1 optical flow, made for the CPU's caches and vector units.

Zach, Pock, Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", 2007; equations and
the discretisation as in Sanchez Perez, Meinhardt-Llopis, Facciolo, "TV-L1 Optical Flow Estimation",
IPOL 2013.
"""

from __future__ import annotations

import math
import numbers
import threading

import cv2
import numpy as np

from ...argument_checks import above_zero, at_least_one, in_range
from ...errors import ConfigError, DataError
from ...registry import FLOW_METHODS
from ..tvl1_kernels import ALIGNED, CHANNELS, MARGIN, differentiate, linearise, solve

f32 = np.float32


def _planes(*shape):
    """Returns zeros, float32, whose rows are aligned where their length is a multiple of
    MARGIN.
    """
    size = math.prod(shape)
    memory = np.zeros(size + MARGIN, f32)
    first = -memory.ctypes.data % ALIGNED // 4
    return memory[first : first + size].reshape(shape)


class _Scale:
    """What is computed at one scale of the pyramid; zeros at first.

    Attributes:
        image: of `differentiate`. data: rho, gx, gy, inverse of `linearise`.
        u: the flow; column `width` repeats the one before it. flow: what of it lies in the image.
        p: the dual variables; the first row and the margin stay 0. dual: those of the image.
        theta: of each column; 0 behind the image, where nothing moves then.
    """

    def __init__(self, height, width):
        padded = -(-width // MARGIN) * MARGIN
        self.shape = height, width
        self.image = np.empty(CHANNELS * (height + 3) * (width + 3), f32)
        self.u = _planes(2, height, padded + MARGIN)
        self.p = _planes(2, 2, height + 1, padded + MARGIN)
        self.data = _planes(4, height, padded)
        self.theta = _planes(padded)
        self.flow = self.u[:, :, :width]
        self.dual = self.p.reshape(4, *self.p.shape[2:])[:, 1:, MARGIN : MARGIN + width]

    def clear(self):
        for array in (self.u, self.p, self.data, self.theta):
            array[...] = 0


class _Kept(threading.local):
    """The scales of a thread's last pair, by level: fresh memory would cost an eighth of the
    time.
    """

    def __init__(self):
        self.scales = {}


_kept = _Kept()
_KEPT_PIXELS = 2**20  # of a scale with its margins, some 70 MB: of larger ones nothing is kept


def _scale(level, height, width):
    """Returns the _Scale of a level, cleared."""
    scale = _kept.scales.get(level)
    if scale is not None and scale.shape == (height, width):
        scale.clear()
        return scale
    scale = _Scale(height, width)
    if scale.p[0, 0].size <= _KEPT_PIXELS:
        _kept.scales[level] = scale
    return scale


@FLOW_METHODS.register(name='tvl1')
class TVL1:
    """TV-L1 optical flow, the method that I3D's flow weights were trained on.

    The energy, parameters and stopping rule are those of OpenCV's DualTVL1OpticalFlow. Four things
    differ. Pixels that move out of the image have no data term, where OpenCV compares them with
    black. The flow is median filtered (3 x 3) once a warp. The dual variables of a scale begin with
    those of the coarser one. And the defaults warp and iterate less often, most at the finest
    scale, which costs no accuracy that can be told; see docs/data_preparation.md for figures.

    Args:
        tau (float): time step of the dual update, at most 0.25.
        lambda_ (float): weight of the data term; less is smoother.
        theta (float): tightness of the coupling between the data term and the smoothness.
        scales (int): levels of the image pyramid, as far as its images have 16 pixels on each side.
        scale_step (float): size of a level against the next larger one.
        warps (int): linearisations of the image at each level; the finest one has one more.
        iterations (int): the most for each warp, an even number or the next; twice as many at the
            finest level.
        epsilon (float): the iterations stop at this root mean square change, in pixels.

    Raises:
        ConfigError: an argument out of range.
    """

    def __init__(
        self,
        tau: float = 0.25,
        lambda_: float = 0.15,
        theta: float = 0.33,
        scales: int = 5,
        scale_step: float = 0.75,
        warps: int = 2,
        iterations: int = 20,
        epsilon: float = 0.01,
    ):
        above_zero('TVL1', tau=tau)
        in_range('TVL1', 0, 0.25, tau=tau)
        in_range('TVL1', 1e-6, 1e6, lambda_=lambda_, theta=theta, epsilon=epsilon)
        at_least_one('TVL1', scales=scales, warps=warps, iterations=iterations)
        if not isinstance(scale_step, numbers.Real) or not 0 < scale_step < 1:
            raise ConfigError(f'TVL1: scale_step is a number between 0 and 1; got {scale_step!r}')
        self.scales = scales
        self.scale_step = scale_step
        self.warps = warps
        self.iterations = iterations
        self.limit = f32(lambda_ * theta)
        self.theta = f32(theta)
        self.step = f32(tau / theta)
        self.epsilon = epsilon

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Returns the flow from `first` to `second`, uint8 H x W grey images: float32 H x W x 2.

        Raises: DataError for images of other shapes.
        """
        if first.ndim != 2 or first.shape != second.shape or not first.size:
            shapes = ' and '.join(' x '.join(map(str, image.shape)) for image in (first, second))
            raise DataError(f'flow is of two grey images of one size; got {shapes}')
        pyramid = [(first.astype(f32), second.astype(f32))]
        while len(pyramid) < self.scales:
            height, width = (round(side * self.scale_step) for side in pyramid[-1][0].shape)
            if min(height, width) < 16:
                break
            pyramid.append(tuple(cv2.resize(image, (width, height)) for image in pyramid[-1]))
        shape = pyramid[-1][0].shape
        flow, dual = np.zeros((2, *shape), f32), np.zeros((4, *shape), f32)
        for level, images in enumerate(reversed(pyramid), 1):
            flow, dual = self._refine(level, *images, flow, dual, level == len(pyramid))
        return np.stack(flow, axis=-1)

    def _refine(self, level, first, second, coarser, coarser_dual, finest):
        """Returns the flow (2 x H x W) and the dual variables (4 x H x W: of each of its components
        two) at the scale of the images, from those of a coarser scale.
        """
        height, width = first.shape
        scale = _scale(level, height, width)
        flow, dual = scale.flow, scale.dual
        for plane, small in zip(flow, coarser):
            plane[...] = cv2.resize(small, (width, height)) * f32(width / small.shape[1])
        for plane, small in zip(dual, coarser_dual):
            plane[...] = cv2.resize(small, (width, height))
        scale.theta[:width] = self.theta
        differentiate(second, scale.image)
        for _ in range(self.warps + finest):
            linearise(first, scale.image, *flow, *scale.data[:, :, :width])
            for plane in flow:
                plane[...] = cv2.medianBlur(plane, 3)
            scale.u[:, :, width] = scale.u[:, :, width - 1]
            solve(
                *scale.data,
                scale.u,
                scale.p,
                width,
                self.limit,
                scale.theta,
                self.step,
                self.iterations * (1 + finest),
                f32(self.epsilon**2 * height * width),
            )
        return flow, dual
