"""Scores are the same to the last digit for any number of ranks, workers and batch size."""

import json

import numpy as np
import pytest
from test_commands import CONFIGS, small
from test_distributed import launch
from test_training import command

from i3dbox.apis.test import Tester
from i3dbox.commands.cfg_options import parse_value
from i3dbox.config import Config
from i3dbox.evaluation.results import load_results
from i3dbox.models import build_recognizer
from i3dbox.weights.checkpoint import save_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture(
    scope='module', params=['i3d_rgb_synthetic.py', 'two_stream_synthetic.py', 'i3d_rgb_ucf101.py']
)
def case(request, tmp_path_factory):
    """(config's path, its options as words, a checkpoint): of SyntheticActions, and of the real
    videos, which differ in length and are scored whole."""
    folder = tmp_path_factory.mktemp('equal')
    few = dict(train_groups=1, test_groups=1, clips_per_group=2)  # 16 videos to test
    if 'two_stream' in request.param:
        words = [
            f'{key}={value}'
            for stream in ('rgb', 'flow')
            for key, value in (
                (f'model.{stream}.backbone.endpoints', 'Mixed_3b'),
                (f'data.test.{stream}.data_root', f'{folder}/synthetic'),
                (f'data.test.{stream}.generation', few),
            )
        ]
    elif 'synthetic' in request.param:
        words = [
            'model.backbone.endpoints=Mixed_3b',
            f'data.test.data_root={folder}/synthetic',
            f'data.test.generation={few}',
        ]
    else:
        words = small(request.getfixturevalue('real_root'), 'data.test')[1:]
    path = str(CONFIGS / request.param)
    cfg = configured(path, words)
    recognizer = build_recognizer(cfg.model, seed=1)
    save_checkpoint(
        str(folder / 'epoch_1.ckpt'), recognizer, meta=dict(modality=recognizer.modality)
    )
    save_checkpoint(
        str(folder / 'epoch_2.ckpt'),
        build_recognizer(cfg.model, seed=2),
        meta=dict(modality=recognizer.modality),
    )
    return path, words, folder


def configured(path, words):
    return Config.fromfile(
        path, {key: parse_value(value) for key, _, value in (w.partition('=') for w in words)}
    )


def scored(case, **loader):
    path, words, folder = case
    words = words + [f'data.test_loader={loader!r}']
    return Tester(configured(path, words), device='CPU')(str(folder / 'epoch_1.ckpt'))


@pytest.fixture(scope='module')
def alone(case):
    """Scores by one rank with one worker and batches of one."""
    return scored(case, batch_size=1, num_workers=1)


def test_neither_the_batch_nor_the_workers_change_a_digit(case, alone):
    results = scored(case, batch_size=7, num_workers=4)
    assert results.names == alone.names
    np.testing.assert_array_equal(results.scores, alone.scores)


def test_two_ranks_give_the_scores_of_one_and_the_file_recounts_to_the_figures(
    case, alone, tmp_path
):
    path, words, folder = case
    if 'i3d_rgb_synthetic' in path:
        pytest.skip('whose ranks the sweep starts')
    done = launch(
        'dist_test.sh',
        path,
        folder / 'epoch_1.ckpt',
        2,
        '--out',
        tmp_path / 'two.json',
        '--cfg-options',
        *words,
        'data.test_loader={"batch_size":7,"num_workers":4}',
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = load_results(tmp_path / 'two.json')
    assert results.names == alone.names
    np.testing.assert_array_equal(results.scores, alone.scores)

    # a recount that shares no code with the metrics
    samples = json.loads((tmp_path / 'two.json').read_text(encoding='utf-8'))['samples']
    scores, labels = (
        np.array([s['scores'] for s in samples]),
        np.array([s['label'] for s in samples]),
    )
    places = np.argsort(-scores, axis=1, kind='stable') == labels[:, None]
    by_class = [places[labels == label, 0].mean() for label in sorted(set(labels))]
    for name, value in (
        ('top1_acc', places[:, 0].mean()),
        ('top5_acc', places[:, :5].any(1).mean()),
        ('mean_class_acc', np.mean(by_class)),
    ):
        assert (
            f'{name}: {value:.4f}' if 'two_stream' not in path else f'{value:.4f}'
        ) in done.stdout
    for name, stream in alone.streams.items():
        np.testing.assert_array_equal(results.streams[name], stream)
    everything = ['top_k_accuracy', 'mean_class_accuracy', 'calibration_error', 'bootstrap']
    assert results.evaluate(everything) == alone.evaluate(everything)
    assert [s['prediction'] for s in samples] == scores.argmax(1).tolist()


def test_a_result_file_says_what_it_is_of(alone):
    meta = alone.meta
    assert len(meta['checkpoint']['model']['sha256']) == 64 and meta['checkpoint']['model'][
        'path'
    ].endswith('.ckpt')
    assert (
        meta['protocol'].startswith('SampleFrames(')
        and meta['subset'] == ['test']
        and meta['skipped'] == []
    )
    assert {'i3dbox', 'mindspore', 'numpy', 'opencv', 'python'} == set(meta['versions'])
    assert 'InceptionI3D' in meta['config_text']


def test_a_sweep_over_two_devices_finds_what_one_finds_and_goes_on_where_it_stopped(
    case, alone, tmp_path
):
    path, words, folder = case
    if 'i3d_rgb_synthetic' not in path:
        pytest.skip('one data set is enough')
    done = launch(
        'sweep_checkpoints.sh',
        path,
        folder,
        '--devices',
        2,
        '--last',
        2,
        '--average',
        '--cfg-options',
        *words,
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((folder / 'sweep/summary.json').read_text())
    assert [entry['videos'] for entry in summary['checkpoints']] == [16] * 3
    figures = [entry['top1_acc'] for entry in summary['checkpoints']]
    names = ['epoch_1', 'epoch_2', 'average_last_2']
    assert (
        summary['best'] == names[int(np.argmax(figures))]
        and f'best: {summary["best"]}' in done.stdout
    )
    np.testing.assert_array_equal(load_results(folder / 'sweep/epoch_1.pkl').scores, alone.scores)

    before = {name: (folder / f'sweep/{name}.pkl').stat().st_mtime_ns for name in names}
    (folder / 'sweep/epoch_2.pkl').unlink()
    again = command(
        'sweep_checkpoints', path, folder, '--last', 2, '--average', '--cfg-options', *words
    )
    assert again.returncode == 0, again.stderr
    after = {name: (folder / f'sweep/{name}.pkl').stat().st_mtime_ns for name in names}
    assert [name for name in names if after[name] != before[name]] == ['epoch_2']
    assert json.loads((folder / 'sweep/summary.json').read_text()) == summary
