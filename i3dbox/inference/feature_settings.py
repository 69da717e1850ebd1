"""How features are taken of a video: defaults, and the settings of public feature sets."""

from __future__ import annotations

from ..argument_checks import at_least
from ..errors import ConfigError

# None: as the model's test pipeline has it; I3D's authors': 64, 256, 224, 'tvl1', 20. endpoint: the
# backbone's last layer, of I3D Mixed_5c.
DEFAULTS = dict(
    endpoint=None,
    window=None,
    stride=None,
    pool='avg',
    fps=None,
    short_side=None,
    size=None,
    tail='move',
    method=None,
    bound=None,
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
    """Fills settings up from DEFAULTS. Raises ConfigError for an unknown one."""
    unknown = set(settings) - set(DEFAULTS)
    if unknown:
        raise ConfigError(
            f'there is no setting {sorted(unknown)[0]!r}; there are {", ".join(DEFAULTS)}'
        )
    settings = {**DEFAULTS, **settings}
    for low, keys in ((0, ('window',)), (1, ('stride', 'short_side', 'size'))):
        given = {key: settings[key] for key in keys if settings[key] is not None}
        at_least('features', low, **given)
    return settings
