"""Features of many videos, with the settings that public feature sets use."""

from __future__ import annotations

import functools
import os
import pickle
import platform
from typing import TYPE_CHECKING

from ..config import Config
from ..config.custom_imports import import_custom_modules
from ..errors import DataError
from ..fileio import check_writable, sha256
from ..inference.feature_files import check_format, feature_file
from ..inference.feature_settings import complete
from ..preparation.extraction import Extraction, keep_settings
from ..preparation.jobs import run_jobs
from ..preparation.pools import LocalPool
from ..preparation.sources import as_videos
from ..workers import usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..preparation.pools import Pool
    from ..preparation.sources import Source

SETTINGS = 'features.json'
BEFORE = dict(engine='mindspore', precision='float32')  # i3dbox 0.1 had no other


def extract_features(
    sources: str | list[str | Source],
    out: str,
    model: str | dict,
    format: str = 'npy',
    workers: int | Pool = 2,
    device: str = 'auto',
    device_id: int | None = None,
    max_frames: int = 192,
    engine: str = 'auto',
    precision: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
    **settings,
) -> Extraction:
    """Writes the features of each source to `out`/<name>.<format>.

    A file appears when it is whole; those that are there are left. `out` also gets a file with the
    settings and the checkpoints' hashes, and others are refused there later.

    Another process works, one at a time: MindSpore's kernels use all cores in each, so that more
    would only contend. It is not this one, so that a video that kills it stops nothing else; and
    this one stays without MindSpore, small.

    Args:
        sources (str, or list of str or Source): a folder of videos, or one; or several of them.
        out: the folder.
        model: a name of the zoo, or arguments of ModelSpec.resolve.
        format: 'npy', 'npz' or 'h5', see feature_files.feature_file.
        workers: threads that compute flow, in a process of this machine; or the Pool that works.
        device, device_id, engine, precision: of engines.open_engine.
        tell: gets a line that says what computes.
        max_frames, **settings: of feature_extractor.FeatureExtractor.

    Returns: Extraction.
    Raises: an I3DBoxError before the first video, where model and settings do not fit; DataError
        for a full disk.
    """
    check_format(format)
    check_writable(os.path.join(out, SETTINGS))
    settings = complete(settings)
    sources = as_videos(sources)
    model = dict(model=model) if isinstance(model, str) else model
    made_of = pickle.dumps(
        dict(
            settings,
            model=model,
            device=device,
            device_id=device_id,
            threads=workers if isinstance(workers, int) else None,
            max_frames=max_frames,
            engine=engine,
            precision=precision,
        )
    )
    pool = LocalPool(1) if isinstance(workers, int) else workers
    facts, computed_by = pool.ask(_facts, made_of)  # what is wrong is told here
    tell(f'computed by {computed_by}')
    keep_settings(out, dict(facts, format=format), SETTINGS, BEFORE)
    missing = [source for source in sources if not os.path.exists(_path(out, source, format))]
    work = functools.partial(_extract, out, format, made_of, facts)
    done = run_jobs(work, missing, pool, 'extracting features', out=out)
    return Extraction(len(done.results), len(sources) - len(missing), done.frames, done.failures)


def _path(out, source, format):
    return os.path.join(out, f'{source.name}.{format}')


@functools.lru_cache(1)
def _extractor(made_of):
    """Returns the extractor of this process, whose network is loaded and compiled once."""
    from ..inference.feature_extractor import FeatureExtractor
    from ..inference.model_spec import ModelSpec

    arguments = pickle.loads(made_of)
    arguments['threads'] = arguments['threads'] or usable_cores()
    config = arguments['model'].get('config')
    if isinstance(config, Config) and config.get('custom_imports'):  # unknown in this process yet
        import_custom_modules(config.custom_imports, config.filename)
    return FeatureExtractor(ModelSpec.resolve(**arguments.pop('model')), **arguments)


@functools.lru_cache(1)
def _facts(made_of):
    """Returns the settings, the streams, and the hashes of their checkpoints; and what computes."""
    from ..weights.zoo import local_path

    extractor = _extractor(made_of)
    model = extractor.model
    files = model.checkpoint if isinstance(model.checkpoint, dict) else {'model': model.checkpoint}
    facts = dict(
        extractor.settings,
        streams=list(model.streams),
        checkpoints={part: sha256(local_path(path)) for part, path in files.items()},
    )
    return facts, extractor.computed_by


def _extract(out, format, made_of, facts, source, threads):
    extractor = _extractor(made_of)
    if _facts(made_of)[0] != facts:
        raise DataError(
            f'{platform.node()} has other weights or another engine than those that the first '
            'video was done with'
        )
    with feature_file(_path(out, source, format)) as write:
        for row in extractor(source.path):
            write(*row)
    return extractor.features.frames, None
