"""Videos and cameras by their address: rtsp://, rtsps://, http://, https://."""

from __future__ import annotations

import collections
import logging
import os
import re
import threading
import time as clock
import urllib.parse
from collections.abc import Iterator

import av
import numpy as np

from ..errors import ConfigError, DamagedSampleError
from .containers import NO_VIDEOS, VIDEOS
from .video_file import ANY_TAGS, VideoFile

logger = logging.getLogger(__name__)

# of each scheme what FFmpeg may open on its way there: no files, and no playlists (containers.py)
PROTOCOLS = {
    'rtsp': 'tcp,udp,rtp,rtsp',
    'rtsps': 'tcp,tls,udp,rtp,rtsp',
    'http': 'http,https,tcp,tls',
    'https': 'https,tcp,tls',
}
SECONDS = 10.0  # for a connection, and for each read
HELD = 64  # frames that wait for who takes them


def is_address(source: object) -> bool:
    """Whether a source is an address, and no file. Raises ConfigError for other schemes."""
    if not isinstance(source, str) or not re.match(r'[a-zA-Z][\w+.-]*://', source):
        return False
    scheme = source.partition('://')[0].lower()
    if scheme not in PROTOCOLS:
        raise ConfigError(f'an address begins with {", ".join(PROTOCOLS)}; got {scheme}://')
    return True


class _AddressedVideo(VideoFile):
    """A VideoFile of an address, read once from its start."""

    def __init__(self, address: str):
        self._address = address
        super().__init__(shown_address(address), name_of_address(address))

    def _open_file(self, pipes):
        self.piped = True
        self.identity = self.path, 0, 0
        scheme = self._address.partition('://')[0].lower()
        options = {
            'format_whitelist': ','.join((*VIDEOS, *NO_VIDEOS, 'rtsp', 'mpjpeg')),
            'protocol_whitelist': PROTOCOLS[scheme],
            **({'rtsp_transport': 'tcp'} if scheme.startswith('rtsp') else {}),
        }
        begin = clock.monotonic()
        try:
            self._container = av.open(
                self._address, container_options=options, timeout=SECONDS, **ANY_TAGS
            )
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, 'strerror', None) or error
            # FFmpeg calls it invalid data where a server says nothing
            if clock.monotonic() - begin >= SECONDS:
                raise self.damaged(f'cannot be opened: no answer in {SECONDS:g} s') from error
            told = isinstance(error, av.error.InvalidDataError)
            raise self.damaged(
                f'cannot be opened: {reason}'
                + '; it is no video of a kind that i3dbox opens, or a playlist' * told
            ) from error


class NetworkStream:
    """Iterates over (time in seconds, frame uint8 H x W x 3 RGB) of an address.

    A recording, which knows how long it is, is read to its end, with its own times. What does not
    is a camera: a thread takes its frames as they come, with the times at which they do; where
    nobody takes them, the oldest are left out. A camera that is lost is called again until it has
    been silent for `patience`.

    Args:
        address: what the user named. patience: seconds.

    Attributes:
        name, path (str): without user and password. fps (float): 0 where unknown.
        stated (int or None): frames, by the header of a recording.
        left_out, lost (int): frames that nobody took, and how often the camera was lost.
        ended (str): why a camera's stream ended.

    Raises: DamagedSampleError where nothing can be opened.
    """

    def __init__(self, address: str, patience: float = 30.0):
        self._address = address
        self._patience = patience
        self._video = _AddressedVideo(address)
        self.name, self.path = self._video.name, self._video.path
        self.fps = self._video.fps
        self.live = self._video.seconds is None
        self.stated = None if self.live else self._video.stated
        self.codec = self._video.codec
        self.left_out = self.lost = 0
        self.ended = ''
        self._frames = collections.deque()
        self._change = threading.Condition()
        self._over = False

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        if not self.live:
            for time, frame in self._video:
                yield time, self._video.image(frame)
            return
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            with self._change:
                self._change.wait_for(lambda: self._frames or self._over)
                if not self._frames:
                    return
                taken = self._frames.popleft()
            yield taken

    def close(self) -> None:
        """Lets go of the address; a read that waits ends by its own time-out."""
        with self._change:
            self._over = True
            self._change.notify_all()
        if not self.live:
            self._video.close()

    def _read(self):
        begin = clock.monotonic()
        try:
            while not self._over:
                self._take(begin)
                if self._over or not self._call_again():
                    break
        finally:
            self._video.close()
            with self._change:
                self._over = True
                self._change.notify_all()

    def _take(self, begin):
        """Takes frames until the camera is lost."""
        try:
            for _, frame in self._video:
                image = self._video.image(frame)
                with self._change:
                    if self._over:
                        return
                    if len(self._frames) == HELD:
                        self._frames.popleft()
                        self.left_out += 1
                    self._frames.append((clock.monotonic() - begin, image))
                    self._change.notify_all()
        except (av.FFmpegError, OSError, DamagedSampleError):
            pass  # the camera is called again
        self._video.close()

    def _call_again(self):
        """Opens the address once more; returns whether it answers within the patience."""
        self.lost += 1
        logger.warning('%s: lost; calling again for %.0f s', self.path, self._patience)
        until = clock.monotonic() + self._patience
        pause = 0.25
        while not self._over and clock.monotonic() < until:
            try:
                self._video = _AddressedVideo(self._address)
                return True
            except DamagedSampleError:
                clock.sleep(min(pause, max(until - clock.monotonic(), 0)))
                pause = min(2 * pause, 5.0)
        self.ended = f'lost, and silent for {self._patience:.0f} s'
        return False


def shown_address(address: str) -> str:
    """Returns an address without user, password and what comes behind a question mark, which may
    be a secret.
    """
    parts = urllib.parse.urlsplit(address)
    return urllib.parse.urlunsplit(
        (parts.scheme, parts.netloc.rpartition('@')[2], parts.path, '', '')
    )


def name_of_address(address: str) -> str:
    """Returns a short name: the last part of its path, or the host."""
    parts = urllib.parse.urlsplit(address)
    stem = os.path.splitext(parts.path.rstrip('/').rpartition('/')[2])[0]
    return stem or parts.hostname or 'stream'
