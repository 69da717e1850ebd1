"""Writes the videos beside this file, and what a decoder must make of their last frames
(pixels.npz).

    python tests/data/codecs/make.py

Files of one codec differ from release to release of its encoder, so they are kept and not made by
the tests: what is tested is that each release of PyAV decodes the same bytes to the same pixels.
Run it on x86-64.
"""

import io
import pathlib
import sys

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1])]

from videos import encode, moving_frames, write_packets  # noqa: E402

from i3dbox.media.video_file import VideoFile  # noqa: E402

FIELDS = dict(flags='+ildct+ilme')
# name: encoder, format of the pixels, options, width
VIDEOS = {
    'h264.mp4': ('libx264', 'yuv420p', {}, 64),
    'h264_10_bit.mkv': ('libx264', 'yuv420p10le', {}, 64),
    'h264_interlaced.mp4': (
        'libx264',
        'yuv420p',
        {**FIELDS, 'x264-params': 'interlaced=1:tff=1'},
        64,
    ),
    'h265_10_bit.mkv': ('libx265', 'yuv420p10le', {'x265-params': 'log-level=none'}, 64),
    'h265_grey_10_bit.mkv': ('libx265', 'gray10le', {'x265-params': 'log-level=none'}, 64),
    'mpeg1.mpg': ('mpeg1video', 'yuv420p', {}, 64),
    'mpeg2_interlaced.mpg': ('mpeg2video', 'yuv420p', FIELDS, 64),
    'mpeg4_odd_size.avi': ('mpeg4', 'yuv420p', {}, 65),
    'vp8.webm': ('libvpx', 'yuv420p', {}, 64),
    'vp9.webm': ('libvpx-vp9', 'yuv420p', {}, 64),
    'av1.mkv': ('libsvtav1', 'yuv420p', {}, 128),
    'prores.mov': ('prores_ks', 'yuv422p10le', {}, 64),
    'wmv2.wmv': ('wmv2', 'yuv420p', {}, 64),
    'flv1.flv': ('flv', 'yuv420p', {}, 64),
    'ffv1_grey_16_bit.mkv': ('ffv1', 'gray16le', {}, 64),
    'ffv1_grey_alpha.mkv': ('ffv1', 'ya8', {}, 64),
}


def main():
    for name, (encoder, pixels, options, width) in VIDEOS.items():
        encode(
            HERE / name, moving_frames(3, width, width * 3 // 4), encoder, pixels, options=options
        )
    frames = moving_frames(3)
    exif = Image.Exif()
    exif[0x010F] = 'a camera'  # its maker
    exif[0x0112] = 5  # mirrored, and a quarter turn
    images = [Image.fromarray(frame) for frame in frames]
    write_packets(HERE / 'mjpeg_exif.avi', [jpeg(image, exif) for image in images], frames[0].shape)
    images[0].save(HERE / 'animated.gif', save_all=True, append_images=images[1:], duration=40)
    np.savez_compressed(
        HERE / 'pixels.npz',
        **{
            path.name: last_frame(path)
            for path in sorted(HERE.glob('*.*'))
            if path.suffix not in ('.py', '.npz')
        },
    )


def jpeg(image, exif):
    data = io.BytesIO()
    image.save(data, 'JPEG', exif=exif)
    return data.getvalue()


def last_frame(path):
    with VideoFile(path) as video:
        return [video.image(frame) for _, frame in video][-1]


if __name__ == '__main__':
    main()
