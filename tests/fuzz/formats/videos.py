"""Videos in eight containers, frames as images, and flow: all doors give the same frames."""

import functools
import zlib

from videos import encode, moving_frames, write_images

from i3dbox.errors import DamagedSampleError
from i3dbox.media.frame_folder import FrameFolder
from i3dbox.media.frame_iterator import FrameIterator
from i3dbox.media.video_reader import VideoReader
from i3dbox.preparation.checking import check_videos
from i3dbox.preparation.sources import Source

from . import Format

FRAMES = moving_frames(30, 64, 48)
CODECS = {
    'avi': 'mpeg4',
    'mp4': 'libx264',
    'mov': 'mjpeg',
    'mkv': 'libx264',
    'webm': 'libvpx-vp9',
    'mpg': 'mpeg1video',
    'ts': 'mpeg2video',
    'flv': 'flv',
    'wmv': 'wmv2',
    'gif': 'gif',
}
PIXELS = {'mjpeg': 'yuvj420p', 'gif': 'rgb8'}


def make_video(folder, extension):
    codec = CODECS[extension]
    options = {'g': '10', 'cpu-used': '8'} if codec == 'libvpx-vp9' else {'g': '10'}
    pixels = PIXELS.get(codec, 'yuv420p')
    encode(folder / f'video.{extension}', FRAMES, codec, pixels, options=options)


def read_video(folder):
    """Reads a video by number, in turn, in parts and by the check, and compares."""
    for path in folder.iterdir():
        iterator = FrameIterator(path)
        in_turn = sum(1 for _ in iterator)
        problems = check_videos([Source(path.name, str(path))], 0)
        with VideoReader(path) as reader:
            sums = [zlib.crc32(image()) for _, image in reader]
            number = len(reader)
            some = number - 1, 0, number // 2
            assert number == len(sums), (number, len(sums))
            assert number == in_turn, (number, in_turn)
            assert not iterator.damage, (number, problems)
            assert all(problem.kind in ('frame count', 'gap') for problem in problems), problems
            for index in some:
                assert zlib.crc32(reader.read([index])[0]) == sums[index], index


def read_frames(folder, modality):
    """Reads a folder of frames, as it says how many there are and as there are."""
    for recount in (False, True):
        try:
            frames = FrameFolder(folder, modality, recount=recount)
            frames.read(range(len(frames)))
        except DamagedSampleError as error:
            damaged = error
            continue
        damaged = None
    if damaged:
        raise damaged


def make_frames(folder):
    write_images(folder, FRAMES[:6])
    (folder / 'n_frames').write_text('6')


def make_flow(folder):
    write_images(folder, [frame[..., :2] for frame in FRAMES[:6]], 'image_{1:05d}{0}.jpg')
    (folder / 'n_frames').write_text('6')


FORMATS = {
    **{
        extension: Format(functools.partial(make_video, extension=extension), read_video)
        for extension in CODECS
    },
    'frames': Format(make_frames, functools.partial(read_frames, modality='RGB')),
    'flow': Format(make_flow, functools.partial(read_frames, modality='Flow')),
}
