"""Testing the checkpoints of a run, one after the other."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import numpy as np

from ..config_checks.checks import check_metrics
from ..config_checks.protocols import has_several_labels
from ..engine import distributed
from ..errors import CheckpointError, ConfigError
from ..evaluation.metrics import better
from ..evaluation.results import load_results
from ..evaluation.tables import figures_table
from ..fileio import atomic_write, check_writable
from ..weights.averaging import average_checkpoints
from .test import Tester, known_results

if TYPE_CHECKING:
    from ..config import Config


def last_checkpoints(folder: str, number: int) -> list[str]:
    """Returns the paths of the last `number` checkpoints of a work_dir, oldest first: epoch_*.ckpt,
    or else step_*.ckpt.

    Raises: CheckpointError where there are none.
    """
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for kind in ('epoch', 'step'):
        found = [name for name in names if re.fullmatch(rf'{kind}_\d+\.ckpt', name)]
        if found:
            found.sort(key=lambda name: int(re.sub(r'\D', '', name)))
            return [os.path.join(folder, name) for name in found[-number:]]
    raise CheckpointError(f'{folder} holds no epoch_*.ckpt and no step_*.ckpt')


def sweep(
    cfg: Config,
    paths: list[str],
    folder: str,
    metrics: list,
    average: bool = False,
    device: str = 'auto',
    device_id: int | None = None,
    data: str = 'test',
    engine: str = 'auto',
    precision: str | None = None,
) -> str:
    """Tests checkpoints and writes <folder>/sweep/: <checkpoint>.pkl, summary.txt and summary.json.

    Scores that are there, of the same checkpoint, config and protocol, are not computed again. On
    several ranks the videos are divided among them (a collective call).

    Args:
        paths: checkpoints. folder: their work_dir.
        metrics: of METRICS; the first figure decides which checkpoint is best.
        average: whether to test the mean of their weights, too.
        engine, precision: of engines.choose_engine.

    Returns: str, the table, and which is best (the same text on every rank).
    """
    if not check_metrics(metrics, 2, has_several_labels(cfg.data[data])):
        raise ConfigError(
            f'a sweep takes a metric that gives a single number, such as top_k_accuracy; got '
            f'{metrics}'
        )
    out = os.path.join(folder, 'sweep')
    check_writable(os.path.join(out, 'summary.json'))
    evaluator = Tester(cfg, device, device_id, data, engine, precision)
    first = distributed.rank() == 0
    if average:
        path = os.path.join(folder, f'average_last_{len(paths)}.ckpt')
        if first:
            average_checkpoints(paths, path)
        distributed.gather_json(None)  # the others wait for it
        paths = [*paths, path]
    rows = []
    summary = []
    for path in paths:
        results = _tested(evaluator, path, out)
        figures = {
            key: float(value)
            for key, value in results.evaluate(metrics).items()
            if np.ndim(value) == 0
        }
        rows.append((_stem(path), len(results.names), figures))
        digest = results.meta['checkpoint']['model']['sha256']
        summary.append(dict(checkpoint=path, sha256=digest, videos=len(results.names), **figures))
    key = next(iter(rows[0][2]))
    best = rows[0]
    for row in rows:
        if better(key, row[2][key], best[2][key]):
            best = row
    text = (
        f'{figures_table(rows)}\nbest: {best[0]}, {key} {best[2][key]:.4f}, chosen among '
        f'{len(rows)} on data.{data}'
        f'\nprotocol: {results.meta["protocol"]}'
    )
    if first:
        found = dict(
            checkpoints=summary,
            best=best[0],
            key=key,
            data=data,
            protocol=results.meta['protocol'],
        )
        atomic_write(os.path.join(out, 'summary.txt'), text + '\n')
        atomic_write(os.path.join(out, 'summary.json'), json.dumps(found, indent=1))
    return text


def _tested(evaluator, path, folder):
    """Returns the Results of a checkpoint: those that are there already, or new ones, which are
    kept.
    """
    first = distributed.rank() == 0
    file = os.path.join(folder, f'{_stem(path)}.pkl')
    known = first and known_results(file, path, evaluator.identity) is not None
    if distributed.gather_json(known)[0]:
        return load_results(file)
    results = evaluator(path)
    if first:
        results.save(file)
    return results


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]
