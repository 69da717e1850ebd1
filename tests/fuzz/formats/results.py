"""Result files, as reports and fusion read them."""

import functools
import json

import numpy as np

from i3dbox.evaluation.results import Results

from ..mutators import any_bytes, any_json
from . import Format, run


def make_results(folder, extension):
    rng = np.random.default_rng(0)
    labels = np.arange(6, dtype=np.int32) % 3
    for name in 'ab':
        scores = rng.normal(size=(6, 3)).astype(np.float32)
        Results(
            names=[f'v{i}' for i in range(6)],
            labels=labels,
            scores=scores,
            classes=['Dive', 'Run', 'Swim'],
            streams={'rgb': scores} if name == 'a' else {},
            meta=dict(modality='RGB', protocol='x', skipped=[], versions=dict(i3dbox='0')),
        ).save(str(folder / f'{name}.{extension}'))


def read_results(folder, extension):
    files = [str(folder / f'{name}.{extension}') for name in 'ab']
    run('fuse_scores', *files, '--out', str(folder / 'fused.json'))
    run('report', *files, '--out', str(folder / 'report'))


def make_log(folder):
    (folder / 'log.json').write_text(
        ''.join(
            json.dumps(dict(mode=mode, epoch=step // 3, step=step, loss=1 / step, top1=0.5)) + '\n'
            for step in range(1, 6)
            for mode in ('train', 'val')
        )
    )


def damage_log(rng, folder):
    path = folder / 'log.json'
    lines = path.read_bytes().splitlines()
    for _ in range(rng.choice((1, 1, 3))):
        place = rng.randrange(len(lines))
        lines[place] = rng.choice((any_json, any_bytes))(rng, lines[place])
    path.write_bytes(b'\n'.join(lines))


def read_log(folder):
    run('report', str(folder), '--out', str(folder / 'report'))


FORMATS = {
    'log': Format(make_log, read_log, damage_log),
    **{
        extension: Format(
            functools.partial(make_results, extension=extension),
            functools.partial(read_results, extension=extension),
        )
        for extension in ('pkl', 'json')
    },
}
