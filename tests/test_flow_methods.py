"""Optical flow methods: known motion, OpenCV as the reference, and the authors' own flow."""

import concurrent.futures

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from i3dbox.errors import ConfigError, DataError
from i3dbox.flow import tvl1_kernels
from i3dbox.flow.methods import tvl1
from i3dbox.registry import FLOW_METHODS

METHODS = ('tvl1', 'tvl1_opencv', 'dis', 'farneback')


def textured(height=60, width=80, seed=0):
    """A smooth random texture, larger than the frames that are cut out of it."""
    noise = (
        np.random.default_rng(seed).uniform(0, 255, (height + 40, width + 40)).astype(np.float32)
    )
    noise = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return (noise - noise.min()) * (255 / np.ptp(noise))


def shifted(texture, x, y):
    """A frame in which the texture has moved by (x, y) pixels."""
    height, width = texture.shape
    moved = cv2.warpAffine(
        texture,
        np.float32([[1, 0, x - 20], [0, 1, y - 20]]),
        (width - 40, height - 40),
        flags=cv2.INTER_CUBIC,
    )
    return np.clip(moved, 0, 255).astype(np.uint8)


def build(method, **arguments):
    return FLOW_METHODS.build(dict(type=method, **arguments))


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('motion', [(1.5, -0.75), (-4, 3), (0, 0)])
def test_a_moving_texture_has_its_motion_as_flow(method, motion):
    texture = textured()
    flow = build(method)(shifted(texture, 0, 0), shifted(texture, *motion))
    assert flow.dtype == np.float32 and flow.shape == (60, 80, 2)
    inside = flow[8:-8, 8:-8].reshape(-1, 2)
    assert np.abs(np.median(inside, axis=0) - motion).max() < 0.1
    assert np.hypot(*(inside - motion).T).mean() < 0.2


def test_tvl1_agrees_with_opencvs():
    texture = textured(120, 160, seed=1)
    first, second = shifted(texture, 0, 0), shifted(texture, 2, -1)
    # something of its own
    second[40:80, 60:100] = shifted(textured(120, 160, seed=2), -1, 2)[40:80, 60:100]
    first[40:80, 60:100] = shifted(textured(120, 160, seed=2), 0, 0)[40:80, 60:100]
    ours, reference = (build(method)(first, second) for method in ('tvl1', 'tvl1_opencv'))
    distance = np.hypot(*(ours - reference).transpose(2, 0, 1))
    assert np.median(distance) < 0.05 and distance.mean() < 0.3


def test_motion_out_of_the_image_leaves_no_spikes_at_its_border():
    texture = textured()
    flow = build('tvl1')(shifted(texture, 0, 0), shifted(texture, 6, 0))
    assert np.abs(flow[:, -6:, 0] - 6).max() < 1 and np.abs(flow[..., 1]).max() < 1


@pytest.mark.parametrize('method', ['tvl1', 'tvl1_opencv'])
def test_nothing_moves_in_a_plain_image(method):
    plain = np.full((48, 64), 90, np.uint8)
    assert np.abs(build(method)(plain, plain)).max() < 1e-3


@pytest.mark.parametrize('shape', [(8, 8), (17, 200), (3, 5), (1, 9)])
def test_tvl1_takes_small_and_odd_sizes(shape):
    rng = np.random.default_rng(0)
    flow = build('tvl1')(*rng.integers(0, 256, (2, *shape), np.uint8))
    assert flow.shape == (*shape, 2) and np.isfinite(flow).all()


@pytest.mark.parametrize('shapes', [((9, 9), (8, 9)), ((9, 9, 1),) * 2, ((0, 9),) * 2], ids=str)
def test_tvl1_refuses_images_of_which_there_is_no_flow(shapes):
    with pytest.raises(DataError, match='two grey images of one size; got'):
        build('tvl1')(*(np.zeros(shape, np.uint8) for shape in shapes))


def test_threads_that_share_a_method_get_what_one_thread_gets():
    texture = textured()
    frames = [shifted(texture, k, k / 2) for k in range(9)]
    method = build('tvl1')
    alone = [method(*pair) for pair in zip(frames, frames[1:])]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(method, frames, frames[1:]))
    np.testing.assert_array_equal(alone, together)


def test_the_memory_that_a_thread_keeps_carries_nothing_over():
    frames = {side: [shifted(textured(side, side), k, 0) for k in (0, 2)] for side in (40, 41, 64)}
    method = build('tvl1')
    with concurrent.futures.ThreadPoolExecutor(1) as fresh:
        wanted = {side: fresh.submit(method, *pair).result() for side, pair in frames.items()}
    for side in (64, 40, 64, 41, 40):
        method(*reversed(frames[side]))
        found = method(*frames[side])
        np.testing.assert_array_equal(found, wanted[side])
        assert not np.shares_memory(found, method(*frames[side]))


def test_large_images_keep_no_memory(monkeypatch):
    monkeypatch.setattr(tvl1, '_KEPT_PIXELS', 46 * 80)
    pair = [shifted(textured(60, 80), k, 0) for k in (0, 2)]
    with concurrent.futures.ThreadPoolExecutor(1) as fresh:
        fresh.submit(build('tvl1'), *pair).result()
        shapes = [
            scale.shape for scale in fresh.submit(lambda: tvl1._kept.scales).result().values()
        ]
    assert max(shapes) == (45, 60)


def test_the_linearised_image_is_opencvs_cubic_remap():
    rng = np.random.default_rng(0)
    second = cv2.GaussianBlur(rng.uniform(0, 255, (20, 33)).astype(np.float32), (0, 0), 1)
    u, v = np.float32(rng.integers(-160, 160, (2, 20, 33)) / 32)  # as finely as OpenCV looks up
    image = np.empty(3 * 23 * 36, np.float32)
    tvl1_kernels.differentiate(second, image)
    rho, gx, gy, inverse = np.empty((4, 20, 33), np.float32)
    tvl1_kernels.linearise(np.zeros_like(second), image, u, v, rho, gx, gy, inverse)
    to_x, to_y = u + np.arange(33, dtype=np.float32), v + np.arange(20, dtype=np.float32)[:, None]
    inside = (0 <= to_x) & (to_x <= 32) & (0 <= to_y) & (to_y <= 19)
    edges = dict(borderType=cv2.BORDER_REPLICATE)
    across = cv2.filter2D(second, -1, np.float32([[-0.5, 0, 0.5]]), **edges)
    down = cv2.filter2D(second, -1, np.float32([[-0.5], [0], [0.5]]), **edges)
    value, dx, dy = (
        np.where(inside, cv2.remap(one, to_x, to_y, cv2.INTER_CUBIC, borderMode=1), 0)
        for one in (second, across, down)
    )
    assert 0.2 < inside.mean() < 0.9
    for found, wanted in ((rho, value - dx * u - dy * v), (gx, dx), (gy, dy)):
        np.testing.assert_allclose(found, wanted, atol=2e-3)
    np.testing.assert_allclose(inverse, 1 / np.maximum(dx**2 + dy**2, 1e-9), rtol=1e-2)


def test_flow_that_is_not_finite_reads_no_memory_of_others():
    method = build('tvl1')
    method.step = np.float32(np.nan)
    pair = [shifted(textured(), k, 0) for k in (0, 2)]
    assert method(*pair).shape == (60, 80, 2)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(tau=0), 'tau is a number above 0; got 0'),
        (dict(warps=0), 'warps is a whole number from 1; got 0'),
        (dict(scale_step=1), 'scale_step is a number between 0 and 1; got 1'),
        (dict(iterations=2.5), 'iterations is a whole number from 1; got 2.5'),
        (dict(lambda_='much'), "lambda_ is a number from 1e-06 to 1000000.0; got 'much'"),
        (dict(tau=0.3), 'tau is a number from 0 to 0.25; got 0.3'),
        (dict(epsilon=1e300), 'epsilon is a number from 1e-06 to'),
        (dict(theta=1e-300), 'theta is a number from 1e-06 to'),
    ],
)
def test_an_argument_out_of_range_is_named(arguments, message):
    with pytest.raises(ConfigError, match=message):
        build('tvl1', **arguments)


def test_opencv_without_contrib_is_told_of(monkeypatch):
    build('tvl1')
    monkeypatch.delattr(cv2, 'optflow')
    with pytest.raises(ConfigError, match="needs OpenCV's contrib build .*'tvl1' does not"):
        build('tvl1_opencv')


def gif(path):
    return np.stack(
        [np.array(frame.convert('RGB')) for frame in ImageSequence.Iterator(Image.open(path))]
    )


@pytest.mark.slow
def test_tvl1_agrees_with_the_authors_own_flow(shared_data):
    """Their flow is published as a GIF of 256 dithered colours; frame k is the flow from frame k to
    k + 1.
    """
    rgb = gif(shared_data / 'cricket/v_CricketShot_g04_c01_rgb.gif')
    theirs = gif(shared_data / 'cricket/v_CricketShot_g04_c01_flow.gif')[..., :2].astype(
        np.float32
    )[:-1]
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in rgb]
    ours = np.stack([build('tvl1')(*pair) for pair in zip(grey, grey[1:])])

    def correlations(a, b):
        return [np.corrcoef(a[..., axis].ravel(), b[..., axis].ravel())[0, 1] for axis in (0, 1)]

    x, y = correlations(ours, theirs)
    assert x >= 0.90 and y >= 0.85
    smooth = [cv2.GaussianBlur(flow, (0, 0), 1) for flow in theirs]  # takes the dither away
    x, y = np.mean([correlations(*pair) for pair in zip(ours, smooth)], axis=0)
    assert x >= 0.90 and y >= 0.85
