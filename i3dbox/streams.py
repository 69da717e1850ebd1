"""The streams of the two-stream network, and what each takes.

A stream is 'rgb' or 'flow'; 'joint' is both together, RGB first. The modality of a stream's clips
is 'RGB' or 'Flow'.
"""

from __future__ import annotations

from .errors import ConfigError

STREAMS = {'rgb': ('rgb',), 'flow': ('flow',), 'joint': ('rgb', 'flow')}
BOTH = STREAMS['joint']
MODALITIES = {'rgb': 'RGB', 'flow': 'Flow'}
CHANNELS = {'RGB': 3, 'Flow': 2}
STREAM_OF = {'RGB': 'rgb', 'Flow': 'flow', 'RGB+Flow': 'joint'}  # by modality


def check_stream(stream: str) -> None:
    """Raises ConfigError for anything but 'rgb', 'flow' and 'joint'."""
    if stream not in STREAMS:
        raise ConfigError(f'stream is one of {", ".join(STREAMS)}; got {stream!r}')
