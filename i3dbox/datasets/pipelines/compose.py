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
        self.steps = [PIPELINES.build(step) if isinstance(step, dict) else step for step in steps]
        for step in self.steps:
            if not callable(step):
                raise ConfigError(f'a pipeline step is a dict or a callable; got {step!r}')

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
