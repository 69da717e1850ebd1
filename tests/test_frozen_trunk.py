"""Frozen layers that are computed once: a run learns what it would have learned, goes on where it
stopped, and leaves nothing behind.
"""

import os
import pathlib
import signal

import numpy as np
import pytest
import tiny
from test_training import assert_same_checkpoint, command, config, lines

from i3dbox.apis import frozen_layers
from i3dbox.apis.train import train
from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import EpochSampler
from i3dbox.errors import DataError
from i3dbox.inference import frozen_trunk
from i3dbox.inference.frozen_trunk import (
    FrozenTrunk,
    KeptTrunkLoader,
    TailStream,
    clips_identity,
    has_frozen_trunk,
    keep_choice,
    known_choice,
    views_that_fit,
)
from i3dbox.models import build_recognizer
from i3dbox.models.freezing import freeze, frozen_endpoint
from i3dbox.models.i3d_table import ENDPOINTS, map_shape, multiply_adds
from i3dbox.registry import DATASETS
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.checkpoint_file import write_checkpoint

CLIP = (8, 32, 32)
LATE = dict(finetune_prefixes=['logits', 'Mixed_5c'], freeze_norm=True)
HOOKS = [dict(type='LoggerHook', interval=1), dict(type='CheckpointHook')]
DATA = dict(
    batch_size=2,
    train=dict(type='TinyDataset', size=6, clip=CLIP),
    val=dict(type='TinyDataset', size=5, clip=CLIP),
)
MODEL = dict(
    type='Recognizer3D',
    backbone=dict(type='InceptionI3D'),
    head=dict(type='I3DHead', num_classes=3),
)
I3D = dict(model=MODEL, freeze=LATE, data=DATA, hooks=HOOKS, optimizer=dict(type='Adam', lr=1e-3))


@pytest.fixture(scope='module')
def recognizer():
    built = build_recognizer(MODEL, seed=1)
    freeze(built, **LATE)
    return built


@pytest.fixture
def trunk(recognizer, tmp_path):
    return FrozenTrunk(config(tmp_path, **I3D), recognizer)


def clips(number, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, *CLIP, 3), np.uint8)


# what is frozen, and what comes of it


@pytest.mark.parametrize(
    'prefixes, endpoint',
    [
        (['logits', 'Mixed_5'], 'MaxPool3d_5a_2x2'),
        (['logits'], 'Mixed_5c'),
        (['logits', 'Mixed_3c.b0', 'Mixed_5'], 'Mixed_3b'),
        (['logits', 'Conv3d_1a'], None),
        (None, None),
    ],
)
def test_the_frozen_layers_end_before_the_first_that_trains(prefixes, endpoint):
    built = build_recognizer(MODEL)
    freeze(built, prefixes)
    assert frozen_endpoint(built.backbone) == endpoint


@pytest.mark.parametrize('sides', [(8, 32, 32), (17, 45, 33)])
@pytest.mark.parametrize('endpoint', ['Conv3d_1a_7x7', 'MaxPool3d_4a_3x3', 'MaxPool3d_5a_2x2'])
def test_the_shape_of_an_endpoint_is_known_beforehand(trunk, endpoint, sides):
    trunk.endpoint = endpoint
    found = trunk.rounded(np.zeros((1, *sides, 3), np.uint8))
    assert found.shape == (1, *map_shape(endpoint, *sides)) and found.dtype == np.float16
    assert trunk.row((1, *sides, 3))['maps'].shape == found.shape


def test_the_cost_of_the_network_is_known_beforehand():
    """docs/analysis.md counts as much at work."""
    assert list(multiply_adds(64, 224, 224)) == list(ENDPOINTS)
    assert round(sum(multiply_adds(64, 224, 224).values()) / 1e9, 2) == 111.15
    assert multiply_adds(8, 32, 32, in_channels=2)['Conv3d_1a_7x7'] == 4 * 16 * 16 * 64 * 2 * 343


def test_values_beyond_float16_are_refused(trunk):
    trunk._network = lambda clip: np.full((1, 2, 1, 1, 1), 1e5, np.float32)
    with pytest.raises(DataError, match='Mixed_5b .*beyond float16.*frozen_views=0'):
        trunk.rounded(clips(1))


@pytest.mark.parametrize('free, views', [(10**9, 4), (600, 3), (199, 0)])
def test_there_are_as_many_views_as_there_is_room_for(tmp_path, monkeypatch, free, views, caplog):
    monkeypatch.setattr(frozen_trunk, 'free_memory', lambda: free)
    with caplog.at_level('INFO', 'i3dbox'):
        assert views_that_fit(4, 100, str(tmp_path)) == views
    assert ('fit into memory and disk' in caplog.text) == (views < 4)


@pytest.mark.slow
def test_a_clip_that_was_seen_is_not_computed_again(trunk, recognizer):
    stream = TailStream(trunk)
    first = stream.logits(clips(2))
    np.testing.assert_allclose(
        first, stream.cell(frozen_trunk.Tensor(clips(2)[:, None])).asnumpy(), rtol=1e-2, atol=1e-3
    )
    trunk._network = None  # it would fail
    np.testing.assert_array_equal(stream.logits(clips(2)), first)
    with pytest.raises(TypeError):
        stream.logits(clips(2, seed=1))


# runs


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """A run of two epochs that was never stopped, with its validations."""
    folder = tmp_path_factory.mktemp('straight')
    cfg = config(folder, frozen_views=2, **I3D)
    train(cfg, validate=True)
    return folder / 'run'


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The same run, all layers in MindSpore at each step."""
    folder = tmp_path_factory.mktemp('whole')
    train(config(folder, **I3D), validate=True, engine='mindspore')
    return folder / 'run'


def figures(work_dir, mode='train', key='loss'):
    return [line[key] for line in lines(work_dir, mode)]


@pytest.mark.slow
def test_with_a_view_an_epoch_it_learns_what_it_learns_step_by_step(straight, whole, tmp_path):
    for mode, key in (('train', 'loss'), ('val', 'top1_acc')):
        np.testing.assert_allclose(
            figures(straight, mode, key), figures(whole, mode, key), rtol=5e-3
        )
    ours, theirs = (
        load_checkpoint(str(folder / 'epoch_2.ckpt'))[0] for folder in (straight, whole)
    )
    assert list(ours) == list(theirs)
    start = build_recognizer(MODEL).parameters_dict()
    for name in ours:
        moved = theirs[name] - (start[name].asnumpy() if name in start else 0)
        assert np.abs(ours[name] - theirs[name]).max() <= 0.2 * np.abs(moved).max(), name


@pytest.mark.slow
def test_at_each_step_the_frozen_layers_are_computed_by_the_fastest_engine(whole, tmp_path, capsys):
    train(config(tmp_path, **I3D))
    assert 'are frozen: computed by openvino, float32' in capsys.readouterr().out
    np.testing.assert_allclose(figures(tmp_path / 'run'), figures(whole), rtol=1e-4)
    told = {
        folder: load_checkpoint(str(folder / 'epoch_2.ckpt'))[2]['memory']['frozen_layers']
        for folder in (whole, tmp_path / 'run')
    }
    assert list(told.values()) == [
        dict(views=0, engine='mindspore'),
        dict(views=0, engine='openvino', precision='float32'),
    ]


@pytest.mark.slow
def test_a_run_of_before_goes_on_as_it_began(whole, tmp_path, monkeypatch):
    parameters, state, meta = load_checkpoint(str(whole / 'epoch_1.ckpt'))
    del meta['memory']['frozen_layers']
    (tmp_path / 'run').mkdir()
    path = str(tmp_path / 'run/epoch_1.ckpt')
    write_checkpoint(path, parameters, state, meta)
    monkeypatch.setattr(frozen_layers, 'FrozenTrunk', None)
    train(config(tmp_path, **I3D), path)
    assert_same_checkpoint(whole / 'epoch_2.ckpt', tmp_path / 'run/epoch_2.ckpt')


@pytest.mark.slow
def test_another_epochs_clips_are_others(straight, tmp_path):
    train(config(tmp_path, frozen_views=1, **I3D))
    ours, theirs = (
        [line['loss'] for line in lines(folder)] for folder in (straight, tmp_path / 'run')
    )
    assert ours[:3] == theirs[:3] and ours[3:] != theirs[3:]


@pytest.mark.slow
def test_a_run_leaves_no_rows_behind_and_computes_none_when_it_is_done(straight, monkeypatch):
    assert not (straight / frozen_trunk.FOLDER).exists()
    cfg = config(straight.parent, frozen_views=2, **I3D)
    monkeypatch.setattr(FrozenTrunk, '__call__', None)
    assert train(cfg, 'auto').step == 6


@pytest.mark.slow
def test_a_run_that_was_killed_twice_ends_bit_for_bit_as_one_that_was_not(
    straight, tmp_path, monkeypatch
):
    cfg = config(tmp_path, frozen_views=2, **I3D)
    computed = []
    call = FrozenTrunk.__call__

    def interrupted(self, clips):
        if len(computed) == 4:
            raise KeyboardInterrupt
        computed.append(clips)
        return call(self, clips)

    monkeypatch.setattr(FrozenTrunk, '__call__', interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(cfg, 'auto')
    (rows,) = (tmp_path / 'run' / frozen_trunk.FOLDER).glob('*.rows')
    rows.write_bytes(rows.read_bytes()[:-1])  # as a kill in the midst of writing leaves it
    monkeypatch.undo()

    hooks = [*HOOKS, dict(type='KillHook', at_step=3)]
    path = tiny.write_config(tmp_path, **dict(I3D, hooks=hooks, frozen_views=2))
    killed = command('train', path, '--work-dir', tmp_path / 'run', '--resume')
    assert killed.returncode == -signal.SIGKILL and '; 3 of 12 are there' in killed.stdout
    kept = os.listdir(tmp_path / 'run' / frozen_trunk.FOLDER)
    assert sorted(kept) == sorted([rows.name, frozen_trunk.CHOICE])

    monkeypatch.setattr(FrozenTrunk, '__call__', None)  # all rows are there
    train(config(tmp_path, frozen_views=2, **I3D), 'auto')
    assert_same_checkpoint(straight / 'epoch_2.ckpt', tmp_path / 'run/epoch_2.ckpt')


@pytest.mark.slow
def test_where_there_is_no_room_the_layers_are_computed_at_each_step(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(frozen_trunk, 'free_memory', lambda: 1)
    monkeypatch.setattr(KeptTrunkLoader, 'compute', None)
    assert train(config(tmp_path, frozen_views=2, **dict(I3D, total_epochs=1))).step == 3
    assert 'computed at each step' in capsys.readouterr().out


@pytest.mark.slow
def test_where_steps_change_labels_no_views_are_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(DATASETS.get('TinyDataset'), 'changes_label', True)
    monkeypatch.setattr(KeptTrunkLoader, 'compute', None)
    assert train(config(tmp_path, frozen_views=2, **dict(I3D, total_epochs=1))).step == 3
    assert 'frozen_views keep the labels of the list' in capsys.readouterr().out


@pytest.mark.slow
def test_a_damaged_video_is_replaced_in_the_views_too(tmp_path, capsys):
    data = dict(DATA, train=dict(DATA['train'], damaged_samples=[1]))
    train(config(tmp_path, frozen_views=1, **dict(I3D, data=data, total_epochs=1)))
    said = capsys.readouterr().out
    assert "'clip2' stands in for 'clip1'" in said and '1 damaged samples were met' in said


@pytest.fixture
def loader(recognizer, tmp_path):
    """A function: a KeptTrunkLoader over three samples, two views of each."""

    def build(labels=(0, 1, 2)):
        cfg = config(tmp_path, **I3D)
        dataset = DATASETS.build(dict(type='TinyDataset', size=3, clip=CLIP))
        for sample, label in zip(dataset.samples, labels):
            sample['label'] = label
        clips = ClipLoader(dataset, EpochSampler(3, 1), num_steps=6)
        trunk = FrozenTrunk(cfg, recognizer)
        row = trunk.row((1, *CLIP, 3))
        return KeptTrunkLoader(trunk, clips, row, 2, str(tmp_path), clips_identity(dataset, cfg))

    return build


@pytest.mark.parametrize(
    'damage, left',
    [
        (lambda data, row: data[: 2 * row + 5] + b'?' * 9 + data[2 * row + 14 :], 2),
        (lambda data, row: data[: 4 * row] + bytes(row), 4),  # as a power cut may leave it
        (lambda data, row: data[:row] + os.urandom(2 * row), 1),
        (lambda data, row: data + b'more', 6),
    ],
    ids=['changed', 'zeros', 'noise', 'more'],
)
def test_damaged_rows_are_computed_again(loader, damage, left, monkeypatch):
    first = loader()
    first.compute()
    whole = pathlib.Path(first.path).read_bytes()
    pathlib.Path(first.path).write_bytes(damage(whole, first.row.itemsize))
    computed = []
    rounded = FrozenTrunk.rounded
    monkeypatch.setattr(FrozenTrunk, 'rounded', lambda *args: computed.append(1) or rounded(*args))
    again = loader()
    again.compute()
    assert len(computed) == 6 - left and pathlib.Path(first.path).read_bytes() == whole


def test_what_stood_in_when_a_run_began_is_named_when_it_goes_on(recognizer, tmp_path):
    def build():
        cfg = config(tmp_path, **I3D)
        dataset = DATASETS.build(dict(type='TinyDataset', size=3, clip=CLIP, damaged_samples=[1]))
        clips = ClipLoader(dataset, EpochSampler(3, 1), num_steps=3)
        trunk = FrozenTrunk(cfg, recognizer)
        row = trunk.row((1, *CLIP, 3))
        return KeptTrunkLoader(trunk, clips, row, 1, str(tmp_path), clips_identity(dataset, cfg))

    first, again = build(), build()
    first.compute()
    again.compute()
    (report,) = first.damaged
    assert [(one.name, one.replacement) for one in again.damaged] == [('clip1', 'clip2')]
    assert (report.name, report.replacement) == ('clip1', 'clip2')


def test_labels_are_those_of_the_data_set(loader):
    loader().compute()
    corrected = loader(labels=(2, 1, 0))
    corrected.compute()
    labels = {int(batch['index'][0]): int(batch['label'][0]) for batch in corrected}
    assert labels == {0: 2, 1: 1, 2: 0}


def test_a_video_that_was_replaced_is_another_clip(tmp_path):
    cfg = config(tmp_path, **I3D)
    dataset = DATASETS.build(dict(type='TinyDataset', size=3))
    dataset.samples[0]['filename'] = str(tmp_path / 'a.avi')
    (tmp_path / 'a.avi').write_bytes(b'one')
    before = clips_identity(dataset, cfg)
    (tmp_path / 'a.avi').write_bytes(b'other')
    assert clips_identity(dataset, cfg) != before


def test_only_rows_of_its_own_are_removed(loader):
    first = loader()
    first.compute()
    other = pathlib.Path(first.folder, 'note.rows')
    other.write_text('mine')
    first.forget()
    assert os.listdir(first.folder) == ['note.rows']


def test_how_a_run_began_is_kept_unless_something_else_is_asked_for(tmp_path):
    auto = dict(engine='auto', precision=None)
    choice = dict(views=1, engine='openvino', precision='bfloat16')
    keep_choice(str(tmp_path), choice, 4)
    assert known_choice(str(tmp_path), 4, auto) == choice
    assert known_choice(str(tmp_path), 4, dict(auto, precision='bfloat16')) == choice
    assert known_choice(str(tmp_path), 3, auto) == {}
    assert known_choice(str(tmp_path), 4, dict(auto, precision='float32')) == {}
    assert known_choice(str(tmp_path), 4, dict(auto, engine='mindspore')) == {}
    for text in ('{"views": 9', '{"views": 1, "engine": "foo", "asked": 4}'):
        (tmp_path / frozen_trunk.FOLDER / frozen_trunk.CHOICE).write_text(text)
        assert known_choice(str(tmp_path), 4, auto) == {}


@pytest.mark.slow
def test_clips_of_equal_bytes_and_other_shapes_are_two(trunk):
    stream = TailStream(trunk)
    wide, long = np.zeros((1, 8, 64, 64, 3), np.uint8), np.zeros((1, 32, 32, 32, 3), np.uint8)
    found = stream.logits(wide)
    assert not np.array_equal(stream.logits(long), found)
    np.testing.assert_array_equal(TailStream(trunk).logits(wide), found)


@pytest.mark.slow
@pytest.mark.parametrize('engine', ['mindspore', 'onnxruntime'])
def test_any_network_of_layers_in_a_row_has_a_trunk(tmp_path, engine):
    model = dict(
        type='Recognizer3D',
        backbone=dict(type='ResNet3dSlowFast', depth=18, resample_rate=4, speed_ratio=4),
        head=dict(type='PoolHead', num_classes=3),
    )
    built = build_recognizer(model, seed=1)
    freeze(built, ['head', 'layer4'], freeze_norm=True)
    trunk = FrozenTrunk(config(tmp_path, **dict(I3D, model=model)), built, engine)
    assert has_frozen_trunk(built) and trunk.endpoint == 'layer3'
    stream = TailStream(trunk)
    whole = stream.cell(frozen_trunk.Tensor(clips(2)[:, None])).asnumpy()
    np.testing.assert_allclose(stream.logits(clips(2)), whole, rtol=1e-4, atol=1e-5)
    row = trunk.row((1, *CLIP, 3))['maps']
    assert row.shape == trunk.rounded(clips(1)).shape


def test_a_network_of_one_piece_has_no_trunk(recognizer):
    assert has_frozen_trunk(recognizer)
    whole = recognizer.backbone.out_channels
    recognizer.backbone.out_channels = (832, whole)  # the outputs of two layers
    try:
        assert not has_frozen_trunk(recognizer)
    finally:
        recognizer.backbone.out_channels = whole


def test_a_layer_that_drops_out_is_computed_at_each_step():
    model = dict(
        type='Recognizer3D',
        backbone=dict(type='C3D', out_dim=512),
        head=dict(type='PoolHead', num_classes=3),
    )
    built = build_recognizer(model)
    freeze(built, ['head', 'fc7'])
    assert frozen_endpoint(built.backbone) == 'pool5'  # fc6 drops out
