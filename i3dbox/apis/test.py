"""Testing a recognizer on a data set."""

from __future__ import annotations

import ast
import logging
import math
import os
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .. import __version__
from ..averages import add_streams
from ..config_checks.checks import check_classes, check_config, check_fit, loader_options, look_up
from ..config_checks.protocols import describe_protocol, subsets
from ..datasets.loader import ClipLoader
from ..datasets.sampler import SequentialSampler
from ..engine import distributed
from ..engine.build import build_hooks, call_hooks
from ..engine.logging import setup_logging
from ..errors import CheckpointError, ConfigError
from ..evaluation.results import Results, load_results
from ..fileio import sha256
from ..inference.clip_scorer import MULTIPLE, ClipScorer
from ..inference.engines import build_engine
from ..progress import shown
from ..registry import DATASETS
from ..weights.zoo import local_path

if TYPE_CHECKING:
    from ..config import Config
    from ..datasets.base import BaseDataset
    from ..inference.engines.stream_network import StreamNetwork

logger = logging.getLogger(__name__)


def test(
    cfg: Config,
    checkpoint: str | dict,
    device: str = 'auto',
    device_id: int | None = None,
    data: str = 'test',
    engine: str = 'auto',
    precision: str | None = None,
) -> Results:
    """Tests a checkpoint on `cfg.data.test`.

    Args:
        cfg: see docs/config.md.
        checkpoint: a .ckpt; for a two-stream model also dict(rgb=..., flow=...).
        device: 'CPU', 'Ascend' or 'auto'.
        data: which of the config's data sets.
        engine, precision: what computes, see engines.choose_engine.

    Returns: Results, the same on every rank.
    Raises: an I3DBoxError before anything expensive, if the parts do not fit.
    """
    evaluator = Tester(cfg, device, device_id, data, engine, precision)
    results = evaluator(checkpoint)
    evaluator.finish(results)
    return results


class Tester:
    """Tests checkpoints of one config, one after the other, with one data set and one compiled
    network.

    Args: as of `test`.
    """

    def __init__(
        self,
        cfg: Config,
        device: str = 'auto',
        device_id: int | None = None,
        data: str = 'test',
        engine: str = 'auto',
        precision: str | None = None,
    ):
        check_config(cfg, data=[data])
        self.hooks = build_hooks(cfg.get('hooks') or [])
        call_hooks(self.hooks, 'prepare', cfg)
        self.cfg = cfg
        self.engine = build_engine(cfg, engine, precision, device, device_id)
        setup_logging(rank=distributed.rank())
        self.dataset = DATASETS.build(cfg.data[data], test_mode=True)
        self.checked = False
        # what tests alike, whatever the checkpoint and the machine: plain values
        self.identity = dict(
            config_text=cfg.pretty_text,
            protocol=describe_protocol(cfg, data) + self._lengths(),
            data=data,
            subset=subsets(cfg.data[data]),
            modality=self.engine.modality,
            engine=self.engine.name,
            precision=self.engine.precision,
        )
        self.scorer = DatasetScorer(
            self.engine.streams, self.dataset, self.engine.weights, **scoring_options(cfg, data)
        )

    def __call__(self, checkpoint: str | dict) -> Results:
        """Returns the Results of a checkpoint (see `test`)."""
        meta = self._meta(checkpoint)  # now, as the file may be replaced while it is tested
        for report in self.engine.load(checkpoint):
            check_classes(self.dataset, report)
            logger.info('%s', report)
        if not self.checked:
            check_fit(self.engine, self.dataset)
            logger.info('%d videos to score: %s', len(self.dataset), self.identity['protocol'])
            self.checked = True
        results = self.scorer()
        results.meta.update(meta)
        return results

    def finish(self, results: Results) -> None:
        """Lets the hooks know of the results, when they are safe."""
        if distributed.rank() == 0:
            call_hooks(self.hooks, 'after_test', results)

    def _lengths(self):
        """Says what the device makes of clips of any length."""
        few = any(stream.few_lengths for stream in self.engine.streams.values())
        cut = 'clip_len' in self.dataset.varies and few
        return f', lengths cut to multiples of {MULTIPLE}' if cut else ''

    def _meta(self, checkpoint):
        """Returns where the results come from: plain values."""
        hashes = {}
        for part, path in _files(checkpoint).items():
            if not os.path.isfile(local_path(path)):
                raise CheckpointError(f'checkpoint {path} does not exist')
            hashes[part] = dict(path=str(path), sha256=sha256(local_path(path)))
        return dict(
            self.identity,
            config=self.cfg.filename,
            checkpoint=hashes,
            versions=dict(
                i3dbox=__version__,
                **{self.engine.name: self.engine.version},
                numpy=np.__version__,
                opencv=cv2.__version__,
                python=platform.python_version(),
            ),
        )


def known_results(file: str, checkpoint: str | dict, identity: dict) -> Results | None:
    """Returns the Results that `file` holds, where they are of this checkpoint and their meta says
    what `identity` (of Tester, or a part of it) says; else None.
    """
    if not os.path.exists(file):
        return None
    try:
        results = load_results(file)
    except ConfigError:
        return None
    there = {
        part: found.get('sha256') for part, found in results.meta.get('checkpoint', {}).items()
    }
    here = {part: sha256(local_path(path)) for part, path in _files(checkpoint).items()}
    found = {key: results.meta.get(key) for key in identity}
    return results if there == here and _values(found) == _values(identity) else None


def _values(identity):
    """Returns what an identity says, however its config's text is formatted."""
    try:
        return dict(identity, config_text=ast.dump(ast.parse(identity['config_text'])))
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return identity


def _files(checkpoint):
    """Returns the files of a checkpoint, by what they are of."""
    return checkpoint if isinstance(checkpoint, dict) else {'model': checkpoint}


def scoring_options(cfg: Config, data: str) -> dict:
    """Arguments of DatasetScorer: those of the loader, and `cfg.evaluation.max_frames`."""
    return dict(loader_options(cfg, data), max_frames=look_up(cfg, 'evaluation.max_frames'))


class DatasetScorer:
    """Scores every sample of a data set once, over all ranks.

    Batches have one shape throughout, and clips that differ in length pass through one graph of
    open length, so the network is compiled once. What stands for padding is dropped.

    Args:
        streams: of an engine, by the column of a batch that each takes.
        dataset (BaseDataset): in test mode.
        weights: of the streams in their sum.
        batch_size: videos a step and rank; 1 where the number or length of their clips
            differs.
        num_workers, worker: of ClipLoader.
        max_frames: of ClipScorer.
        title: of its progress.
    """

    def __init__(
        self,
        streams: dict[str, StreamNetwork],
        dataset: BaseDataset,
        weights: Sequence[float] = (1.0,),
        batch_size: int = 1,
        num_workers: int = 0,
        worker: str = 'thread',
        max_frames: int | None = None,
        title: str = 'test',
    ):
        self.streams = streams
        self.title = title
        self.weights = weights
        self.dataset = dataset
        self.batch_size = 1 if dataset.varies else batch_size
        self.workers = dict(num_workers=num_workers, worker=worker, prefetch=max(2, num_workers))
        self.scorers = {
            name: ClipScorer(stream, 'clip_len' in dataset.varies, max_frames)
            for name, stream in streams.items()
        }

    def __call__(self) -> Results:
        """Returns Results in the order of the data set (a collective call); `meta['skipped']` lists
        damaged samples.
        """
        rank = distributed.rank()
        world = distributed.world_size()
        sampler = SequentialSampler(len(self.dataset), self.batch_size, world)
        loader = ClipLoader(self.dataset, sampler, rank, **self.workers)
        logits = {name: [] for name in self.scorers}
        places = []
        batches = len(self.dataset) / (self.batch_size * world)
        for batch in shown(loader, self.title, math.ceil(batches), 'batch', silent=rank != 0):
            for name, scorer in self.scorers.items():
                logits[name].append(self._score(scorer, batch[name], batch['index']))
            places.append(batch['index'])
        places = distributed.all_gather(np.concatenate(places)).reshape(-1)
        order = np.argsort(places, kind='stable')
        order = order[places[order] >= 0]
        streams = {
            name: distributed.all_gather(np.concatenate(rows)).reshape(len(places), -1)[order]
            for name, rows in logits.items()
        }
        return self._results(places[order], streams)

    def _score(self, scorer, imgs, places):
        if (places < 0).all():  # padding, which only the graph of a whole batch would need
            return np.zeros((len(places), scorer.stream.num_classes), np.float32)
        return scorer(imgs)

    def _results(self, places, streams):
        samples = [self.dataset.samples[i] for i in places]
        scored = set(places.tolist())
        skipped = [
            sample['name'] for i, sample in enumerate(self.dataset.samples) if i not in scored
        ]
        joint = add_streams(streams.values(), self.weights)
        return Results(
            [s['name'] for s in samples],
            np.stack([self.dataset.target_of(s['label']) for s in samples]).astype(
                np.uint8 if self.dataset.multi_class else np.int32
            ),
            joint,
            self.dataset.classes,
            dict(skipped=skipped),
            streams if len(streams) > 1 else {},
        )
