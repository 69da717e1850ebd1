"""TV-L1 optical flow, made for the CPU's caches and vector units.

Zach, Pock, Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", 2007; equations and
the discretisation as in Sanchez Perez, Meinhardt-Llopis, Facciolo, "TV-L1 Optical Flow Estimation",
IPOL 2013.
"""

from __future__ import annotations

import math
import numbers

import cv2
import numpy as np
from numba import njit

from ...argument_checks import above_zero, at_least_one
from ...errors import ConfigError, DataError
from ...registry import FLOW_METHODS

f32 = np.float32


# Each loop below runs over one row and few arrays: LLVM makes vector code of such loops only. Rows
# begin at multiples of this many bytes, from where whole vectors load faster, and fill vectors.
ALIGNED = 64
_MARGIN = ALIGNED // 4  # values


def _compile(function):
    # Without `_nrt` nothing may be allocated, and numba does not count the references to each row
    # that is passed on, which takes a third of the time.
    options = dict(fastmath=True, nogil=True, error_model='numpy', _nrt=False)
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder that a cache could be written to
        return njit(**options)(function)


def _planes(*shape):
    """Returns zeros, float32, whose rows are aligned where their length is a multiple of
    _MARGIN.
    """
    size = math.prod(shape)
    memory = np.zeros(size + _MARGIN, f32)
    first = -memory.ctypes.data % ALIGNED // 4
    return memory[first : first + size].reshape(shape)


# iterations that go through the image together, the second two rows behind: half the memory traffic
_BLOCK = 2


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
        above_zero('TVL1', tau=tau, lambda_=lambda_, theta=theta, epsilon=epsilon)
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
        for number, images in enumerate(reversed(pyramid), 1):
            flow, dual = self._refine(*images, flow, dual, number == len(pyramid))
        return np.ascontiguousarray(flow.transpose(1, 2, 0))

    def _refine(self, first, second, coarser, coarser_dual, finest):
        """Returns the flow (2 x H x W) and the dual variables (4 x H x W: of each of its components
        two) at the scale of the images, from those of a coarser scale.
        """
        height, width = first.shape
        padded = -(-width // _MARGIN) * _MARGIN
        u = _planes(2, height, padded + _MARGIN)  # column `width` repeats the one before it
        p = _planes(2, 2, height + 1, padded + _MARGIN)  # the first row and the margin stay 0
        flow = u[:, :, :width]
        dual = p.reshape(4, *p.shape[2:])[:, 1:, _MARGIN : _MARGIN + width]
        for plane, small in zip(flow, coarser):
            plane[...] = cv2.resize(small, (width, height)) * f32(width / small.shape[1])
        for plane, small in zip(dual, coarser_dual):
            plane[...] = cv2.resize(small, (width, height))
        image = cv2.merge(
            [
                second,
                _difference(second, [[-0.5, 0, 0.5]]),
                _difference(second, [[-0.5], [0], [0.5]]),
            ]
        )
        x = np.arange(width, dtype=f32)
        y = np.arange(height, dtype=f32)[:, None]
        data = _planes(4, height, padded)  # rho, gx, gy, inverse of _linearise
        theta = _planes(padded)  # 0 behind the image, where nothing moves then
        theta[:width] = self.theta
        for _ in range(self.warps + finest):
            warped = cv2.remap(
                image, flow[0] + x, flow[1] + y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            _linearise(first, warped, *flow, *data[:, :, :width])
            for plane in flow:
                plane[...] = cv2.medianBlur(plane, 3)
            u[:, :, width] = u[:, :, width - 1]
            _solve(
                *data,
                u,
                p,
                width,
                self.limit,
                theta,
                self.step,
                self.iterations * (1 + finest),
                f32(self.epsilon**2 * height * width),
            )
        return flow, dual


def _difference(image, kernel):
    return cv2.filter2D(image, -1, np.array(kernel, f32), borderType=cv2.BORDER_REPLICATE)


@_compile
def _linearise(first, warped, u, v, rho, gx, gy, inverse):
    """Writes the data term rho + gx u + gy v, and 1 / |g|^2, for the warped image and its gradient
    (H x W x 3).
    """
    height, width = rho.shape
    for y in range(height):
        for x in range(width):
            inside = 0 <= x + u[y, x] <= width - 1 and 0 <= y + v[y, x] <= height - 1
            gx[y, x] = warped[y, x, 1] if inside else f32(0)
            gy[y, x] = warped[y, x, 2] if inside else f32(0)
            rho[y, x] = warped[y, x, 0] - gx[y, x] * u[y, x] - gy[y, x] * v[y, x] - first[y, x]
            inverse[y, x] = f32(1) / max(gx[y, x] * gx[y, x] + gy[y, x] * gy[y, x], f32(1e-9))


@_compile
def _primal(
    rho, gx, gy, inverse, u, v, px, px_left, py, py_above, qx, qx_left, qy, qy_above, limit, theta
):
    """Takes the step that makes the data term small (from u to v in the papers) and adds the
    divergence of the dual variables; returns the sum of the squared changes.
    """
    changed = f32(0)
    for x in range(rho.size):
        move = (rho[x] + gx[x] * u[x] + gy[x] * v[x]) * inverse[x]
        move = -min(max(move, -limit), limit)
        du = move * gx[x] + theta[x] * (px[x] - px_left[x] + py[x] - py_above[x])
        dv = move * gy[x] + theta[x] * (qx[x] - qx_left[x] + qy[x] - qy_above[x])
        u[x] += du
        v[x] += dv
        changed += du * du + dv * dv
    return changed


@_compile
def _dual(u, u_right, u_below, px, py, step):
    """Takes the dual variables' step along the gradient of u, back onto the unit disk."""
    for x in range(px.size):
        ux = u_right[x] - u[x]
        uy = u_below[x] - u[x]
        scale = f32(1) / (f32(1) + step * np.sqrt(ux * ux + uy * uy))
        px[x] = (px[x] + step * ux) * scale
        py[x] = (py[x] + step * uy) * scale


@_compile
def _solve(rho, gx, gy, inverse, u, p, width, limit, theta, step, iterations, tolerance):
    """Minimises the linearised energy from the flow u and the dual variables p on, in place; both
    are laid out as in _refine.
    """
    height, padded = rho.shape
    for _ in range(0, iterations, _BLOCK):
        change = f32(0)
        for front in range(height + 2 * _BLOCK - 1):
            for behind in range(_BLOCK):
                y = front - 2 * behind
                if 0 <= y < height:
                    changed = _primal(
                        rho[y],
                        gx[y],
                        gy[y],
                        inverse[y],
                        u[0, y, :padded],
                        u[1, y, :padded],
                        p[0, 0, y + 1, _MARGIN:],
                        p[0, 0, y + 1, _MARGIN - 1 :],
                        p[0, 1, y + 1, _MARGIN:],
                        p[0, 1, y, _MARGIN:],
                        p[1, 0, y + 1, _MARGIN:],
                        p[1, 0, y + 1, _MARGIN - 1 :],
                        p[1, 1, y + 1, _MARGIN:],
                        p[1, 1, y, _MARGIN:],
                        limit,
                        theta,
                    )
                    for k in range(2):
                        u[k, y, width] = u[k, y, width - 1]
                    if behind == _BLOCK - 1:
                        change += changed
                if 0 < y <= height:  # the row above, now that the row below it is there
                    below = min(y, height - 1)
                    for k in range(2):
                        above = u[k, y - 1]
                        px = p[k, 0, y, _MARGIN:]
                        py = p[k, 1, y, _MARGIN:]
                        _dual(above, above[1:], u[k, below], px, py, step)
        if change < tolerance:
            break
