"""About how long a fine-tuning takes is said before it starts, and for what is left of it."""

import pytest
from videos import moving_frames, write_video

from i3dbox.apis import estimates
from i3dbox.apis.estimates import estimate, layers_of, stream_seconds
from i3dbox.apis.finetune import prepare
from i3dbox.apis.starting_point import I3D
from i3dbox.config import Config
from i3dbox.errors import ConfigError
from i3dbox.inference.engines import Choice
from i3dbox.models.i3d_table import multiply_adds
from i3dbox.weights.checkpoint_file import write_checkpoint

CLIP = (64, 224, 224)
FLOAT32 = Choice('openvino', 'float32')
LATE = dict(finetune_prefixes=['logits', 'Mixed_5'])


def seconds(cfg, clip=CLIP, epochs=10, engine=FLOAT32, stream='rgb', videos=20):
    cfg = Config(dict(model=I3D.model(stream, 3), total_epochs=10, freeze=LATE, **cfg))
    layers = layers_of(cfg, clip)
    return stream_seconds(stream, cfg, layers, clip[0], epochs, videos, 5, 2, engine, 8e10)


def test_frozen_layers_count_once_a_view_and_no_more_views_than_epochs():
    once, twice, many, ten = (
        seconds(dict(frozen_views=views))['frozen layers'] for views in (1, 2, 1000, 10)
    )
    assert twice == pytest.approx(2 * once) and many == ten == pytest.approx(10 * once)
    assert seconds({})['frozen layers'] == pytest.approx(10 * once)  # at each step
    frozen = sum(cost for name, cost in multiply_adds(*CLIP).items() if 'Mixed_5' not in name)
    assert once == pytest.approx(20 * frozen / (8e10 * 1.2))


def test_what_is_kept_of_frozen_layers_is_not_computed_again():
    model = I3D.model('rgb', 3)
    cfg = Config(dict(model=model, total_epochs=10, freeze=LATE, frozen_views=2))
    layers = layers_of(cfg, CLIP)
    counts = [
        stream_seconds('rgb', cfg, layers, 64, 10, 20, 5, 2, FLOAT32, 8e10, kept)['frozen layers']
        for kept in (0, 30, 40, 50)
    ]
    assert counts[1] == pytest.approx(counts[0] / 4) and counts[2] == counts[3] == 0


def test_rows_in_a_work_dir_are_counted(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, 'machine_speed', lambda: 1e10)
    folder = tmp_path / 'run/rgb/frozen_layers'
    folder.mkdir(parents=True)
    line = "freeze = dict(finetune_prefixes=['logits'])\nfrozen_views = 2\n"
    for path in plan.configs.values():
        with open(path, 'a') as file:
            file.write(line)
    whole = said(plan)
    rows = 2 * 2 * 2 * 1024 * 8 * 7 * 7  # views, videos that train, bytes of float16; Mixed_5c
    (folder / 'a.rows').write_bytes(bytes(rows + 100))
    assert 'frozen layers' in whole and 'frozen layers' not in said(plan)


def test_a_faster_engine_smaller_clips_and_fewer_epochs_take_less():
    whole = seconds({})
    faster = seconds({}, engine=Choice('openvino', 'bfloat16'))
    smaller = seconds({}, clip=(16, 112, 112))
    later = seconds({}, epochs=1)
    assert faster['test'] < whole['test'] and faster['training'] < whole['training']
    assert smaller['frozen layers'] < whole['frozen layers'] / 12
    assert later['frozen layers'] == pytest.approx(whole['frozen layers'] / 10)
    assert seconds({}, stream='flow')['frozen layers'] > 2 * whole['frozen layers']


@pytest.fixture
def plan(tmp_path):
    for name in ('clap', 'wave'):
        (tmp_path / 'videos' / name).mkdir(parents=True)
        for number in range(2):
            write_video(tmp_path / 'videos' / name / f'{number}.avi', moving_frames(12))
    return prepare(str(tmp_path / 'videos'), 'none', work_dir=str(tmp_path / 'run'), epochs=4)


def said(plan, device='CPU'):
    return estimate(plan, device, 'auto', None)


def test_what_is_trained_is_not_counted_again(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, 'machine_speed', lambda: 1e10)
    whole = said(plan)
    (tmp_path / 'run/rgb').mkdir()
    (tmp_path / 'run/rgb/last_checkpoint').write_text('epoch_3.ckpt\n')
    for epoch, expected in ((3, 'minutes'), (4, 'estimated time: all is trained')):
        write_checkpoint(str(tmp_path / 'run/rgb/epoch_3.ckpt'), {}, meta=dict(epoch=epoch))
        assert expected in said(plan) and said(plan) != whole


@pytest.mark.slow
@pytest.mark.parametrize(
    'line, message',
    [
        ("frozen_views = 'a'", 'frozen_views is a whole number'),
        ("total_epochs = 'many'", 'total_epochs is a number'),
    ],
)
def test_a_config_that_does_not_train_is_refused_with_its_key(plan, line, message):
    with open(plan.configs['rgb'], 'a', encoding='utf-8') as file:
        file.write(f'{line}\n')
    with pytest.raises(ConfigError, match=message):
        said(plan)


def changed(plan, old, new):
    with open(plan.configs['rgb'], encoding='utf-8') as file:
        text = file.read()
    assert old in text
    with open(plan.configs['rgb'], 'w', encoding='utf-8') as file:
        file.write(text.replace(old, new, 1))


@pytest.mark.slow
def test_of_changed_clips_nothing_is_said(plan):
    changed(plan, 'clip_len=_clip_len),  # from', 'clip_len=-4),  # from')
    assert 'unknown, as the clips of' in said(plan)


@pytest.mark.slow
def test_another_network_is_watched_at_work():
    model = dict(
        type='Recognizer3D',
        backbone=dict(type='ResNet3dSlowOnly', depth=18),
        head=dict(type='PoolHead', num_classes=3),
    )
    cfg = Config(dict(model=model, freeze=dict(finetune_prefixes=['head', 'layer4'])))
    layers = layers_of(cfg, (4, 64, 64))
    assert [layer.trains for layer in layers] == [False] * 5 + [True]
    conv1 = 4 * 32 * 32 * 64 * 3 * 49
    assert (layers[0].multiply_adds, layers[0].values) == (conv1, 64 * 4 * 32 * 32)
    plain = layers_of(Config(dict(model=I3D.model('rgb', 3))), (8, 32, 32))
    as_other = layers_of(
        Config(dict(model=dict(I3D.model('rgb', 3), data_preprocessor=dict(mean=0, std=1)))),
        (8, 32, 32),
    )
    assert plain == as_other


def test_of_ascend_nothing_is_said(plan):
    assert said(plan, 'Ascend') == 'estimated time: unknown on Ascend'
