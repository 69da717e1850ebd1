"""TV-L1's loops over pixels, compiled by Numba; see methods/tvl1.py."""

from __future__ import annotations

import numpy as np
from numba import njit

f32 = np.float32
CHANNELS = 3  # of an image that is warped: itself and its differences across and down


# Each loop below runs over one row and few arrays: LLVM makes vector code of such loops only. Rows
# begin at multiples of this many bytes, from where whole vectors load faster, and fill vectors.
ALIGNED = 64
MARGIN = ALIGNED // 4  # values


def _compile(function):
    # Without `_nrt` nothing may be allocated, and numba does not count the references to each row
    # that is passed on, which takes a third of the time.
    options = dict(fastmath=True, nogil=True, error_model='numpy', _nrt=False)
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder that a cache could be written to
        return njit(**options)(function)


# iterations that go through the image together, the second two rows behind: half the memory traffic
_BLOCK = 2


@_compile
def differentiate(image: np.ndarray, out: np.ndarray) -> None:
    """Writes an image (H x W) and its central differences, channels last and flat, with a margin of
    one pixel above and on the left and two on the other sides, which repeats the border.
    """
    height, width = image.shape
    at = 0
    for top in range(-1, height + 2):
        y = min(max(top, 0), height - 1)
        row, above, below = image[y], image[max(y - 1, 0)], image[min(y + 1, height - 1)]
        for left in range(-1, width + 2):
            x = min(max(left, 0), width - 1)
            out[at] = row[x]
            out[at + 1] = f32(0.5) * (row[min(x + 1, width - 1)] - row[max(x - 1, 0)])
            out[at + 2] = f32(0.5) * (below[x] - above[x])
            at += CHANNELS


@_compile
def _cubic(t):
    """Returns the weights of four neighbours, t in [0, 1] behind the second: the cubic convolution
    of Keys, 1981, with OpenCV's a = -0.75.
    """
    a, one, rest = f32(-0.75), f32(1), f32(1) - t
    return (
        a * t * rest * rest,
        ((a + f32(2)) * t - (a + f32(3))) * t * t + one,
        ((a + f32(2)) * rest - (a + f32(3))) * rest * rest + one,
        a * rest * t * t,
    )


@_compile
def _across(image, at, weights):
    step = np.uintp(CHANNELS)
    near = weights[0] * image[at] + weights[1] * image[at + step]
    at += step + step
    return near + weights[2] * image[at] + weights[3] * image[at + step]


@_compile
def _interpolate(image, at, stride, x, y):
    """Returns the sum of 4 x 4 values of a channel, the first of them at `at`, by their weights.
    Indices are unsigned, as numba takes others to count from the end where they are negative.
    """
    above = y[0] * _across(image, at, x) + y[1] * _across(image, at + stride, x)
    at += stride + stride
    return above + y[2] * _across(image, at, x) + y[3] * _across(image, at + stride, x)


@_compile
def linearise(
    first: np.ndarray,
    image: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    rho: np.ndarray,
    gx: np.ndarray,
    gy: np.ndarray,
    inverse: np.ndarray,
) -> None:
    """Writes the data term rho + gx u + gy v, and 1 / |g|^2, at the places of the second image that
    the flow points to; 0 where these lie outside.

    Args:
        image: of `differentiate`.
    """
    height, width = rho.shape
    step, stride = np.uintp(CHANNELS), np.uintp(CHANNELS * (width + 3))
    for y in range(height):
        for x in range(width):
            to_x, to_y = f32(x) + u[y, x], f32(y) + v[y, x]
            value = dx = dy = f32(0)
            if f32(0) <= to_x <= f32(width - 1) and f32(0) <= to_y <= f32(height - 1):
                # cut again, as no comparison holds a NaN
                left = min(max(np.int32(to_x), 0), width - 1)
                top = min(max(np.int32(to_y), 0), height - 1)
                weights = _cubic(to_x - f32(left)), _cubic(to_y - f32(top))
                at = np.uintp(top) * stride + np.uintp(left) * step
                value = _interpolate(image, at, stride, *weights)
                dx = _interpolate(image, at + np.uintp(1), stride, *weights)
                dy = _interpolate(image, at + np.uintp(2), stride, *weights)
            gx[y, x], gy[y, x] = dx, dy
            rho[y, x] = value - dx * u[y, x] - dy * v[y, x] - first[y, x]
            inverse[y, x] = f32(1) / max(dx * dx + dy * dy, f32(1e-9))


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
def solve(
    rho: np.ndarray,
    gx: np.ndarray,
    gy: np.ndarray,
    inverse: np.ndarray,
    u: np.ndarray,
    p: np.ndarray,
    width: int,
    limit: np.float32,
    theta: np.ndarray,
    step: np.float32,
    iterations: int,
    tolerance: np.float32,
) -> None:
    """Minimises the linearised energy from the flow u and the dual variables p on, in place; both
    are laid out as in TVL1's _Scale.
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
                        p[0, 0, y + 1, MARGIN:],
                        p[0, 0, y + 1, MARGIN - 1 :],
                        p[0, 1, y + 1, MARGIN:],
                        p[0, 1, y, MARGIN:],
                        p[1, 0, y + 1, MARGIN:],
                        p[1, 0, y + 1, MARGIN - 1 :],
                        p[1, 1, y + 1, MARGIN:],
                        p[1, 1, y, MARGIN:],
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
                        px = p[k, 0, y, MARGIN:]
                        py = p[k, 1, y, MARGIN:]
                        _dual(above, above[1:], u[k, below], px, py, step)
        if change < tolerance:
            break
