"""Small videos for tests."""

import fractions
import os

import av
import cv2
import numpy as np
import pytest


def moving_frames(count, width=64, height=48, seed=0):
    """`count` different frames (uint8 H x W x 3, RGB): a texture that moves under a ramp of
    brightness.
    """
    rng = np.random.default_rng(seed)
    texture = cv2.resize(
        rng.integers(0, 200, (height // 4, width // 4, 3), np.uint8), (width, height)
    )
    return [np.roll(texture, 3 * i, axis=1) + np.uint8(i % 50) for i in range(count)]


def write_video(path, frames, fourcc='MJPG', fps=25):
    """Writes RGB frames to `path` (pathlib.Path or str), which it returns."""
    height, width = frames[0].shape[:2] if len(frames) else (48, 64)
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*fourcc), fps, (width, height)
    )
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def write_mjpeg(path, frames, fps=25):
    """Writes RGB frames of any sizes to `path`, each as a JPEG in the file, which it returns."""
    images = [cv2.imencode('.jpg', frame[..., ::-1])[1].tobytes() for frame in frames]
    return write_packets(path, images, frames[0].shape, fps)


def write_packets(path, images, shape, fps=25):
    """Writes encoded JPEGs (bytes) to `path`, which it returns; the header speaks of H x W =
    `shape`.
    """
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('mjpeg', rate=fps)
        stream.height, stream.width = shape[:2]
        stream.pix_fmt = 'yuvj420p'
        for number, image in enumerate(images):
            packet = av.Packet(image)
            packet.stream, packet.time_base = stream, fractions.Fraction(1, fps)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            file.mux(packet)
    return path


def encode(path, frames, codec, pix_fmt='yuv420p', fps=25, options=(), **tags):
    """Writes RGB frames to `path` by one of FFmpeg's encoders, which it returns; skips where it is
    not there.

    Options are the encoder's, tags its attributes, such as colorspace=1 (BT.709).
    """
    if codec not in av.codecs_available:
        pytest.skip(f'FFmpeg without {codec}')
    with av.open(str(path), 'w') as file:
        stream = file.add_stream(codec, rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate, stream.options = pix_fmt, 2000000, dict(options)
        for key, value in tags.items():
            setattr(stream.codec_context, key, value)
        for frame in frames:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        file.mux(stream.encode(None))
    if codec == 'libsvtav1' and hasattr(os, 'sched_setscheduler'):
        # it makes the thread of a root one of real time, beside which nothing else gets on
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def write_images(folder, frames, template='image_{:05d}.jpg', start=1, quality=95):
    """Writes frames to `folder`, which it makes: RGB, or flow H x W x 2 and a template of axis and
    number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, start):
        if frame.shape[2] == 3:
            images = {template.format(number): frame[..., ::-1]}
        else:
            images = {template.format(axis, number): frame[..., i] for i, axis in enumerate('xy')}
        for name, image in images.items():
            data = cv2.imencode(
                '.jpg', np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, quality]
            )[1]
            (folder / name).write_bytes(data.tobytes())
    return folder
