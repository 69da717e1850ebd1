"""How features are taken of a video: defaults, and the settings of public feature sets."""

from __future__ import annotations

from ..errors import ConfigError

DEFAULTS = dict(
    endpoint='Mixed_5c',
    window=64,
    stride=None,
    pool='avg',
    fps=None,
    short_side=256,
    size=224,
    tail='move',
    method='tvl1',
    bound=20,
)
_SNIPPETS = dict(
    endpoint='Mixed_5c',
    window=16,
    stride=16,
    pool='avg',
    fps=25,
    short_side=256,
    size=224,
    tail='drop',
)
PRESETS = {
    'activitynet': _SNIPPETS,
    'thumos14': _SNIPPETS,
    'video_features': dict(_SNIPPETS, window=64, stride=64, fps=None),
}


def complete(settings: dict) -> dict:
    """Fills settings up from DEFAULTS; a stride of None becomes the window. Raises ConfigError for
    an unknown one.
    """
    unknown = set(settings) - set(DEFAULTS)
    if unknown:
        raise ConfigError(
            f'there is no setting {sorted(unknown)[0]!r}; there are {", ".join(DEFAULTS)}'
        )
    settings = {**DEFAULTS, **settings}
    return dict(settings, stride=settings['stride'] or settings['window'] or None)
