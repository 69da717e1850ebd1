"""The features that a model finds in a video."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..models.i3d_table import LOGITS
from .clip_pipelines import config_pipelines, described, with_geometry
from .clip_steps import clip_steps
from .engines import in_words, open_engine
from .feature_settings import complete
from .features import LEAST, VideoFeatures

if TYPE_CHECKING:
    from .model_spec import ModelSpec


class FeatureExtractor:
    """The features of one video after the other, by one network a stream.

        extract = FeatureExtractor(ModelSpec.resolve('i3d_rgb_kinetics400'), window=16)
        features = [row for start, end, row in extract('a.mp4')]

    Args:
        model, device, device_id, engine, precision: of engines.open_engine.
        threads: that compute flow.
        max_frames: see VideoFeatures. **settings: of feature_settings.DEFAULTS.

    Attributes:
        settings (dict): all of them, with what the model's test pipeline says.
        computed_by (str): the engine, as in 'openvino 2026.4.0, float32'.

    Raises: an I3DBoxError for settings that the model cannot do.
    """

    def __init__(
        self,
        model: ModelSpec,
        device: str = 'auto',
        device_id: int | None = None,
        threads: int = 2,
        max_frames: int = 192,
        engine: str = 'auto',
        precision: str | None = None,
        **settings,
    ):
        model.check_open()
        settings = complete(settings)
        self.model = model
        pipelines = {
            kind: with_geometry(steps, settings['short_side'], settings['size'])
            for kind, steps in config_pipelines(model.cfg).items()
        }
        changes = {key: settings[key] for key in ('method', 'bound') if settings[key] is not None}
        steps = clip_steps(pipelines, model.stream, changes)
        first = next(iter(steps.values()))
        window = first.clip_len if settings['window'] is None else settings['window']
        stride = settings['stride'] or window * first.frame_interval or None
        self.settings = dict(
            settings, window=window, stride=stride, **described(pipelines, changes)
        )
        built, streams = open_engine(model, engine, precision, device, device_id)
        layers = next(iter(streams.values())).layers
        self.settings['endpoint'] = settings['endpoint'] or (layers[-1] if layers else LOGITS)
        endpoint = self.settings['endpoint'], settings['pool'], window == 0
        for name, stream in streams.items():  # what does not fit, before weights are read
            stream.upto(*endpoint)
            steps[name].check(stream, window or LEAST)
        new_head = 'never' if endpoint[0] == LOGITS else 'if_needed'
        built.load(model.checkpoint, new_head, model.streams)
        networks = {name: stream.upto(*endpoint) for name, stream in streams.items()}
        self.settings.update(engine=built.name, precision=built.precision)
        self.computed_by = in_words(built)
        self.features = VideoFeatures(
            networks,
            steps,
            window,
            stride,
            max_frames,
            settings['fps'],
            tail=settings['tail'],
            threads=threads,
        )

    def __call__(self, source: Any) -> Iterator[tuple[float, float, np.ndarray]]:
        """Yields (start, end, row) of a video, see VideoFeatures.rows."""
        return self.features.rows(source)
