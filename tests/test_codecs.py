"""The same bytes decode to the same pixels, whichever PyAV is installed."""

import pathlib
import platform

import av
import numpy as np
import pytest
from videos import moving_frames

from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.media.video_reader import VideoReader

CODECS = pathlib.Path(__file__).parent / 'data' / 'codecs'
NAMES = sorted(
    path.name
    for path in CODECS.iterdir()
    if path.suffix not in ('.py', '.npz', '.pyc') and path.is_file()
)
# FFmpeg's conversion rounds otherwise on processors without the instructions of x86-64
ALLOWED = 0 if platform.machine() in ('x86_64', 'AMD64') else 4


@pytest.fixture(scope='module')
def pixels():
    with np.load(CODECS / 'pixels.npz') as file:
        return dict(file)


@pytest.mark.smoke
@pytest.mark.parametrize('name', NAMES)
def test_each_family_of_codecs_decodes_to_the_pixels_on_record(name, pixels):
    stream = [frame for _, frame in FrameIterator(CODECS / name)]
    assert len(stream) == 3
    assert np.abs(stream[-1].astype(int) - pixels[name]).max() <= ALLOWED
    with VideoReader(CODECS / name) as reader:
        last = len(reader) - 1
        np.testing.assert_array_equal(reader.read([last])[0], stream[last])


@pytest.mark.parametrize(
    'name', ['h265_grey_10_bit.mkv', 'ffv1_grey_16_bit.mkv', 'ffv1_grey_alpha.mkv']
)
def test_grey_of_any_depth_is_on_record_with_its_levels(name, pixels):
    grey = moving_grey(pixels[name].shape)
    assert np.abs(pixels[name].astype(int) - grey[..., None]).max() <= (2 if 'ffv1' in name else 12)


def moving_grey(shape):
    """The luma that FFmpeg makes of the last frame, before it was encoded."""
    frame = av.VideoFrame.from_ndarray(moving_frames(3, shape[1], shape[0])[-1], format='rgb24')
    return frame.reformat(format='gray').to_ndarray().astype(int)
