"""Testing a recognizer on a data set."""

import logging
import sys

import numpy as np
from mindspore import Tensor
from tqdm import tqdm

from ..datasets.loader import ClipLoader
from ..datasets.stream import SequentialStream
from ..engine import distributed
from ..engine.build import build_runner
from ..engine.logging import setup_logging
from ..evaluation.results import Results
from ..models import build_recognizer
from ..registry import DATASETS
from ..weights.loading import load_weights
from .checks import LOADER, check_classes, check_config, check_fit

logger = logging.getLogger(__name__)


def test(cfg, checkpoint, device='auto', device_id=None, data='test'):
    """Tests a checkpoint on `cfg.data.test`.

    Args:
        cfg (Config): see docs/config.md.
        checkpoint (str or dict): a .ckpt; for a two-stream model also dict(rgb=..., flow=...).
        device (str): 'CPU', 'Ascend' or 'auto'.

    Returns: Results, the same on every rank.
    Raises: an I3DBoxError before anything expensive, if the parts do not fit.
    """
    check_config(cfg, data=[data])
    runner = build_runner(cfg.runner, device, device_id)
    runner.setup(cfg.get('seed', 0))
    setup_logging(rank=distributed.rank())
    dataset = DATASETS.build(cfg.data[data], test_mode=True)
    recognizer = build_recognizer(cfg.model)
    for report in load_weights(recognizer, checkpoint, new_head='never'):
        check_classes(dataset, report)
        logger.info('%s', report)
    check_fit(recognizer, dataset, probe=True)
    runner.mixed_precision(recognizer)
    results = score(recognizer, dataset, **loader_options(cfg, data))
    results.meta.update(config=cfg.filename, checkpoint=checkpoint, modality=recognizer.modality)
    return results


def loader_options(cfg, data):
    """Batch size and workers for testing: `cfg.data` with what `cfg.data.<data>_loader` says otherwise."""
    options = {key: cfg.data[key] for key in LOADER if key in cfg.data}
    return {**options, **(cfg.data.get(f'{data}_loader') or {})}


def score(recognizer, dataset, batch_size=1, num_workers=0, worker='thread'):
    """Scores every sample of `dataset` once, over all ranks (a collective call).

    Batches have one shape throughout, so the network is compiled once; the padding of the last
    batch is dropped.

    Returns: Results in the order of the data set; `meta['skipped']` lists damaged samples.
    """
    rank, world = distributed.rank(), distributed.world_size()
    stream = SequentialStream(len(dataset), batch_size, world)
    loader = ClipLoader(dataset, stream, rank, num_workers, worker)
    recognizer.set_train(False)
    scores, places = [], []
    bar = tqdm(loader, desc='test', unit='batch', dynamic_ncols=True, disable=rank != 0 or not sys.stderr.isatty())
    for batch in bar:
        logits = recognizer(*(Tensor(batch[name]) for name in recognizer.inputs))
        scores.append(logits.asnumpy())
        places.append(batch['index'])
    scores = distributed.all_gather(np.concatenate(scores).astype(np.float32))
    places = distributed.all_gather(np.concatenate(places)).reshape(-1)
    scores = scores.reshape(len(places), -1)
    order = np.argsort(places, kind='stable')
    order = order[places[order] >= 0]
    places, scores = places[order], scores[order]
    samples = [dataset.samples[i] for i in places]
    scored = set(places.tolist())
    skipped = [sample['name'] for i, sample in enumerate(dataset.samples) if i not in scored]
    return Results([s['name'] for s in samples], np.array([s['label'] for s in samples], np.int32), scores,
                   dataset.classes, dict(skipped=skipped))
