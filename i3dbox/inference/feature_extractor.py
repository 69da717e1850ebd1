"""The features that a model finds in a video."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.feature_network import LOGITS, FeatureNetwork
from .feature_settings import complete
from .features import LEAST, VideoFeatures
from .network import load_network

if TYPE_CHECKING:
    from .model_spec import ModelSpec


class FeatureExtractor:
    """The features of one video after the other, by one network a stream.

        extract = FeatureExtractor(ModelSpec.resolve('i3d_rgb_kinetics400'), window=16)
        features = [row for start, end, row in extract('a.mp4')]

    Args:
        model, device, device_id: of load_network.
        threads: that compute flow.
        max_frames: see VideoFeatures. **settings: of features.DEFAULTS.

    Raises: an I3DBoxError for settings that the model cannot do.
    """

    def __init__(
        self,
        model: ModelSpec,
        device: str = 'auto',
        device_id: int | None = None,
        threads: int = 2,
        max_frames: int = 192,
        **settings,
    ):
        settings = complete(settings)
        self.model = model
        new_head = 'never' if settings['endpoint'] == LOGITS else 'if_needed'
        _, streams, _ = load_network(model, device, device_id, new_head)
        networks = {
            name: FeatureNetwork(
                stream, settings['endpoint'], settings['pool'], settings['window'] == 0
            )
            for name, stream in streams.items()
        }
        size = settings['size']
        for stream in streams.values():
            shape = (1, 1, settings['window'] or LEAST, size, size, stream.channels)
            stream.check_input(np.broadcast_to(np.uint8(0), shape))
        self.features = VideoFeatures(
            networks,
            max_frames=max_frames,
            threads=threads,
            **{key: value for key, value in settings.items() if key not in ('endpoint', 'pool')},
        )

    def __call__(self, source: Any) -> Iterator[tuple[float, float, np.ndarray]]:
        """Yields (start, end, row) of a video, see VideoFeatures.rows."""
        return self.features.rows(source)
