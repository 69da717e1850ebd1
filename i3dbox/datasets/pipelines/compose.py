"""A pipeline: steps run one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import ConfigError
from ...registry import PIPELINES


@PIPELINES.register
class Compose:
    """Runs steps on a dict, each on what the one before returned.

    A step is a callable `results -> results`. If it has an attribute `needs`, a tuple of keys,
    these must be there when its turn comes.

    Args:
        steps (list): configs of PIPELINES, or callables.

    Raises:
        ConfigError: (when called) a step needs a key that nobody has written.
        RegistryError: a step that cannot be built.
    """

    def __init__(self, steps: Sequence[dict | Callable[[dict], dict]]):
        self.steps = []
        faults = []
        for step in steps:
            try:
                self.steps.append(_built(step))
            except ConfigError as error:
                faults.append(error)
        if len(faults) == 1:
            raise faults[0]
        if faults:  # all at once: each would need a start of its own
            raise ConfigError(' '.join(dict.fromkeys(map(str, faults))))

    def __call__(self, results: dict) -> dict:
        for step in self.steps:
            for key in getattr(step, 'needs', ()):
                if key not in results:
                    raise ConfigError(
                        f'the pipeline step {type(step).__name__} needs {key!r}, which neither '
                        'the sample nor a step before it gives; '
                        f'there are: {", ".join(sorted(results))}'
                    )
            results = step(results)
        return results


def _built(step):
    part = PIPELINES.build(step) if isinstance(step, dict) else step
    if callable(part):
        return part
    if hasattr(part, 'transform'):
        name = type(part).__name__
        raise ConfigError(
            f'{name} has `transform(results)`; here a step is called: __call__(self, results)'
        )
    raise ConfigError(f'a pipeline step is a dict or a callable; got {part!r}')
