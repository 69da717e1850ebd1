"""The commands that measure: their figures are those of independent counts, and everything has its
name.
"""

import contextlib
import io
import itertools
import json
import math
import pathlib

import mindspore as ms
import pytest
import tiny
from mindspore import Parameter, nn, ops

from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.config_checks.protocols import clip_size
from i3dbox.models import build_recognizer
from i3dbox.models.flops import blocks, count, total
from i3dbox.models.i3d_table import NORM, map_shape, multiply_adds, parameter_shapes
from i3dbox.registry import BACKBONES

ROOT = pathlib.Path(__file__).parents[1]
TINY_MODEL = dict(
    type='Recognizer3D',
    backbone=dict(type='TinyBackbone'),
    head=dict(type='I3DHead', num_classes=3),
)
TWO_STREAM = dict(
    type='TwoStreamRecognizer', rgb=TINY_MODEL, flow=dict(TINY_MODEL, modality='Flow')
)


@pytest.fixture(autouse=True, scope='module')
def mode():
    """Runners choose graph mode for the whole process; what comes later finds the mode of
    before.
    """
    before = ms.get_context('mode')
    yield
    ms.set_context(mode=before)


def run(command, *args):
    """Runs a command in this process; returns its status and what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = main(command, [str(arg) for arg in args])
    return status, out.getvalue()


def figures(tmp_path, command, *args):
    """Runs a command that succeeds; returns what it wrote as JSON and what it printed."""
    status, printed = run(command, *args, '--json', tmp_path / 'figures.json')
    assert status == 0, printed
    return json.loads((tmp_path / 'figures.json').read_text()), printed


# get_flops


def i3d_multiply_adds(size, in_channels, num_classes):
    """Multiply-adds of I3D by block, from its table, the head's among them."""
    found = {name: cost for name, cost in multiply_adds(*size, in_channels).items() if cost}
    channels, steps, *_ = map_shape('Mixed_5c', *size)
    found['logits'] = channels * num_classes * max(steps - 1, 1)
    return found


@pytest.mark.slow
@pytest.mark.parametrize('modality, channels', [('RGB', 3), ('Flow', 2)])
def test_the_figures_of_i3d_agree_with_its_table(tmp_path, modality, channels):
    config = f'i3d_{modality.lower()}_synthetic'
    found, printed = figures(
        tmp_path,
        'get_flops',
        config,
        '--clip-len',
        24,
        '--size',
        64,
        40,
        '--cfg-options',
        'model.head.num_classes=400',
    )
    expected = i3d_multiply_adds((24, 40, 64), channels, 400)
    by_layer = {layer['name'].split('.')[-1]: layer for layer in found['layers']}
    assert {name: by_layer[name]['multiply_adds'] for name in expected} == expected
    assert found['multiply_adds'] == sum(expected.values())
    for name, layer in by_layer.items():
        shapes = {
            key: shape
            for key, shape in parameter_shapes(channels, 400).items()
            if f'.{name}.' in key and not key.endswith(NORM[2:])
        }
        assert layer['parameters'] == sum(map(math.prod, shapes.values()))
    assert found['clip'] == [24, 40, 64] and found['not_seen'] == []
    assert f'{found["parameters"]:,}' in printed and by_layer['Mixed_5c']['shape'] == [
        1024,
        3,
        2,
        2,
    ]
    if modality == 'RGB':
        assert found['parameters'] == 12_697_264


def test_a_clip_of_the_papers_size_costs_111_g():
    assert round(sum(i3d_multiply_adds((64, 224, 224), 3, 400).values()) / 1e9, 2) == 111.15


def test_a_backbone_of_ones_own_is_counted(tmp_path):
    config = tiny.write_config(tmp_path)
    found, _ = figures(tmp_path, 'get_flops', config, '--clip-len', 4, '--size', 8)
    first, second, logits = 4 * 3 * 27 * (2 * 4 * 4), 6 * 4 * (2 * 4 * 4), 3 * 6
    assert {
        layer['name']: (layer['multiply_adds'], layer['parameters']) for layer in found['layers']
    } == {
        'preprocess': (0, 0),
        'backbone.first': (first, 4 * 3 * 27 + 8),
        'backbone.second': (second, 6 * 4 + 12),
        'head.dropout': (0, 0),
        'head.logits': (logits, 3 * 6 + 3),
    }
    assert found['multiply_adds'] == first + second + logits
    assert found['statistics'] == 2 * (4 + 6) + 1  # moving statistics, and the dropout's counter


def test_two_streams_are_the_sum_of_both(tmp_path):
    single = [
        total(count(build_recognizer(dict(TINY_MODEL, modality=modality)), (4, 8, 8)))
        for modality in ('RGB', 'Flow')
    ]
    found, printed = figures(
        tmp_path,
        'get_flops',
        tiny.write_config(tmp_path, model=TWO_STREAM),
        '--clip-len',
        4,
        '--size',
        8,
    )
    for key in ('multiply_adds', 'parameters', 'statistics'):
        assert found[key] == sum(getattr(stream, key) for stream in single)
    assert 'rgb.backbone.first' in printed and 'flow.backbone.first' in printed


@BACKBONES.register
class OddBackbone(nn.Cell):
    """A convolution that is used twice, a transposed and a dense layer, and weights that no cell
    multiplies.
    """

    out_channels = 5

    def __init__(self, in_channels=3):
        super().__init__()
        self.twice = nn.Conv3d(in_channels, in_channels, 1)
        self.up = nn.Conv3dTranspose(in_channels, 2, 2, 2, pad_mode='valid')
        self.dense = nn.Dense(2, 4)
        self.matrix = Parameter(ops.ones((4, 5)), name='matrix')

    def construct(self, x):
        x = self.dense(self.up(self.twice(self.twice(x))).transpose(0, 2, 3, 4, 1))
        return ops.matmul(x, self.matrix).transpose(0, 4, 1, 2, 3)


def test_each_kind_of_layer_counts_as_often_as_it_runs_and_what_is_not_seen_is_told(tmp_path):
    model = dict(TINY_MODEL, backbone=dict(type='OddBackbone'))
    found, printed = figures(
        tmp_path,
        'get_flops',
        tiny.write_config(tmp_path, model=model),
        '--clip-len',
        2,
        '--size',
        3,
    )
    layers = {layer['name']: layer for layer in found['layers']}
    places = 2 * 3 * 3
    assert layers['backbone.twice']['multiply_adds'] == 2 * 3 * 3 * places
    assert layers['backbone.twice']['parameters'] == 3 * 3
    assert layers['backbone.up']['multiply_adds'] == 3 * 2 * 8 * places
    assert layers['backbone.dense']['multiply_adds'] == 2 * 4 * 8 * places
    assert layers['backbone']['parameters'] == 20
    assert (
        found['not_seen'] == ['backbone']
        and 'was not seen, and is missing above: backbone' in printed
    )


def test_depth_tells_blocks_branches_and_layers_apart():
    model = dict(
        type='Recognizer3D',
        backbone=dict(type='InceptionI3D', endpoints='Mixed_3b'),
        head=dict(type='I3DHead', num_classes=4),
    )
    layers = count(build_recognizer(model), (8, 32, 32))
    names = {depth: [row.name for row in blocks(layers, depth)] for depth in (1, 2, 3)}
    assert 'backbone.Mixed_3b' in names[1] and 'backbone.Mixed_3b.b1a' in names[2]
    assert 'backbone.Mixed_3b.b1a.bn' in names[3] and 'backbone.Mixed_3b' not in names[3]
    assert len(names[1]) < len(names[2]) < len(names[3])
    assert all(total(blocks(layers, depth)) == total(layers) for depth in names)


def test_counting_leaves_the_network_and_the_mode_alone():
    recognizer = build_recognizer(TINY_MODEL)
    ms.set_context(mode=ms.GRAPH_MODE)
    assert count(recognizer, (4, 8, 8)) == count(recognizer, (4, 8, 8))
    assert ms.get_context('mode') == ms.GRAPH_MODE
    assert not recognizer.head.logits._forward_hook


@pytest.mark.parametrize(
    'config, given, size',
    [
        ('i3d_rgb_ucf101', {}, (64, 224, 224)),
        ('two_stream_synthetic', {}, (8, 64, 64)),
        ('i3d_flow_synthetic', dict(clip_len=16, size=[48]), (16, 48, 48)),
        ('i3d_flow_synthetic', dict(size=[48, 32]), (8, 32, 48)),
    ],
)
def test_the_size_is_the_test_pipelines_unless_it_is_given(config, given, size):
    assert clip_size(Config.fromfile(str(ROOT / 'configs' / f'{config}.py')), **given) == size


def test_a_crop_of_width_and_height_is_understood_and_a_config_without_data_has_the_papers_size():
    steps = [
        dict(type='SampleFrames', clip_len=4),
        dict(type='CenterCrop', size=(40, 30)),
        dict(type='PackClips'),
    ]
    assert clip_size(Config(dict(data=dict(test=dict(pipeline=steps))))) == (4, 30, 40)
    assert clip_size(Config(dict(model=TINY_MODEL))) == (64, 224, 224)


@pytest.mark.parametrize(
    'args, message',
    [
        (
            ['--clip-len', '4'],
            'takes clips of at least 8 frames of 32 x 32; the pipeline gives 4 frames',
        ),
        (['--size', '1', '2', '3'], '--size is one number, or width and height; got 1 2 3'),
        (['--json', '.'], 'it is a folder'),
        (['--cfg-options', 'model=None'], "has no 'model'"),
    ],
)
@pytest.mark.parametrize('command', ['get_flops', 'benchmark_model'])
def test_what_cannot_be_counted_or_measured_is_told_in_one_line(command, args, message):
    status, printed = run(command, 'i3d_rgb_synthetic', *args)
    assert status == 1 and message in printed and printed.count('\n') == 1


# benchmark_loader

STEPS = ['OpenClip', 'SampleFrames', 'DecodeClip', 'RandomCrop', 'PackClips']
GENERATION = dict(train_groups=1, test_groups=1, clips_per_group=1, num_frames=6, size=(48, 40))


def synthetic(modality):
    steps = [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=4),
        dict(type='DecodeClip'),
        dict(type='RandomCrop', size=32),
        dict(type='PackClips'),
    ]
    return dict(type='SyntheticActions', modality=modality, generation=GENERATION, pipeline=steps)


@pytest.fixture
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / 'analysis_cache'
    monkeypatch.setenv('I3DBOX_CACHE', str(folder))


def test_every_number_of_workers_and_every_step_has_its_row(cache, tmp_path):
    config = tiny.write_config(
        tmp_path, data=dict(batch_size=3, num_workers=1, train=synthetic('RGB'))
    )
    found, printed = figures(
        tmp_path, 'benchmark_loader', config, '--batches', 2, '--num-workers', 0, 2, 1
    )
    assert [(row['num_workers'], row['configured']) for row in found['loaders']] == [
        (1, True),
        (0, False),
        (2, False),
    ]
    rows = [row['step'] for row in found['steps']]
    assert rows == [*STEPS, 'the rest of loading', 'building the batch']
    assert all(step in printed for step in rows) and '1 (config)' in printed
    assert sum(row['share'] for row in found['steps']) == pytest.approx(1)
    for row in found['loaders']:  # clips of 4 x 32 x 32 x 3
        assert row['clips_per_s'] == pytest.approx(row['samples_per_s'])
        assert row['frames_per_s'] == pytest.approx(4 * row['clips_per_s'])
        assert row['mb_per_s'] == pytest.approx(row['frames_per_s'] * 32 * 32 * 3 / 1e6)


def test_two_streams_are_told_apart(cache, tmp_path):
    both = dict(type='TwoStreamDataset', rgb=synthetic('RGB'), flow=synthetic('Flow'))
    config = tiny.write_config(tmp_path, data=dict(batch_size=2, test=both))
    found, printed = figures(
        tmp_path, 'benchmark_loader', config, '--subset', 'test', '--batches', 1
    )
    assert [row['stream'] for row in found['loaders']] == ['rgb', 'flow'] and 'Stream' in printed
    rgb, flow = (row['mb_per_s'] for row in found['loaders'])
    assert rgb / flow == pytest.approx(3 / 2)
    steps = [(row['stream'], row['step']) for row in found['steps']]
    assert steps[:10] == list(itertools.product(('rgb', 'flow'), STEPS))


def test_the_given_batch_size_and_the_loader_of_the_subset_are_used(tmp_path):
    data = dict(
        batch_size=4,
        num_workers=2,
        val_loader=dict(batch_size=1, num_workers=0),
        val=dict(type='TinyDataset'),
    )
    config = tiny.write_config(tmp_path, data=data)
    found, _ = figures(tmp_path, 'benchmark_loader', config, '--subset', 'val', '--batches', 1)
    assert found['batch_size'] == 1 and found['loaders'][0]['num_workers'] == 0
    found, _ = figures(
        tmp_path, 'benchmark_loader', config, '--subset', 'val', '--batches', 1, '--batch-size', 5
    )
    assert found['batch_size'] == 5


def test_what_is_measured_is_what_was_loaded_and_the_data_set_is_as_before():
    from i3dbox.analysis.benchmark import loader_speed, step_times
    from i3dbox.datasets.sampler import EpochSampler

    dataset = tiny.TinyDataset(6, damaged_samples=(1, 4), test_mode=True, damaged='skip')
    stream, damaged = EpochSampler(6, 3, shuffle=False), []
    speed, step = loader_speed(dataset, stream, 4, damaged=damaged)
    assert speed.samples == 4 * 2 and speed.streams == dict(
        imgs=dict(clips=8, frames=32, bytes=32 * 8 * 8 * 3)
    )
    assert step == 2 + 4 + 2 and {report.name for report in damaged} == {'clip1', 'clip4'}
    steps = dataset.pipeline.steps
    assert [row.step for row in step_times(dataset, stream, 2)] == [
        'the rest of loading',
        'building the batch',
    ]
    assert dataset.pipeline.steps is steps and 'get' not in vars(dataset)


def test_damaged_samples_are_replaced_and_named_or_end_it(tmp_path):
    damaged = dict(type='TinyDataset', size=8, damaged_samples=[2])
    config = tiny.write_config(tmp_path, data=dict(batch_size=4, train=damaged, test=damaged))
    found, printed = figures(tmp_path, 'benchmark_loader', config, '--batches', 2)
    assert found['damaged'] == ['clip2'] and '1 damaged samples were met: clip2' in printed
    status, printed = run('benchmark_loader', config, '--subset', 'test')
    assert status == 1 and 'clip2.avi: it is made of noise' in printed


@pytest.mark.parametrize(
    'args, message',
    [
        (['--subset', 'val'], "has no 'data.val'"),
        (['--json', '.'], 'it is a folder'),
        (
            ['--cfg-options', 'data.worker=fibre'],
            "worker is one of 'thread', 'process'; got 'fibre'",
        ),
    ],
)
def test_what_cannot_be_loaded_is_told_in_one_line(tmp_path, args, message):
    config = tiny.write_config(tmp_path, data=dict(batch_size=2, train=dict(type='TinyDataset')))
    status, printed = run('benchmark_loader', config, *args)
    assert status == 1 and message in printed


@pytest.mark.parametrize(
    'command, option, value',
    [
        ('benchmark_loader', '--batches', '0'),
        ('benchmark_loader', '--num-workers', '-1'),
        ('benchmark_loader', '--batch-size', '0'),
        ('benchmark_model', '--repeat', '0'),
        ('benchmark_model', '--batch-size', 'x'),
        ('get_flops', '--clip-len', '0'),
        ('get_flops', '--depth', '0'),
    ],
)
def test_numbers_out_of_range_are_refused(command, option, value, capsys):
    with pytest.raises(SystemExit) as caught:
        main(command, ['i3d_rgb_synthetic', option, value])
    assert (
        caught.value.code == 2
        and f'argument {option}: it is a whole number from' in capsys.readouterr().err
    )


# benchmark_model


@pytest.fixture(scope='module')
def measured(tmp_path_factory):
    """The figures and the text of a measurement of forward and training step."""
    folder = tmp_path_factory.mktemp('measured')
    config = tiny.write_config(
        folder,
        data=None,
        total_epochs=0.5,
        accumulate=2,
        clip_grad_norm=1.0,
        freeze=dict(freeze_prefixes=['first']),
    )
    return figures(
        folder,
        'benchmark_model',
        config,
        '--train',
        '--batch-size',
        2,
        '--clip-len',
        4,
        '--size',
        8,
        '--repeat',
        3,
    )


@pytest.mark.slow
def test_forward_and_training_step_are_measured_without_data(measured):
    found, printed = measured
    for name in ('forward', 'training step'):
        assert len(found[name]['ms']) == 3 and name in printed
        assert min(found[name]['ms']) <= found[name]['median_ms'] <= max(found[name]['ms'])
        assert found[name]['clips_per_s'] == pytest.approx(2000 / found[name]['median_ms'])
        assert found[name]['peak_memory_bytes'] > 10e6
    assert found['device'] == 'CPU' and found['clip'] == [4, 8, 8]


def test_the_multiply_adds_are_those_of_the_batch(measured):
    found, _ = measured
    assert (
        found['multiply_adds']
        == 2 * total(count(build_recognizer(TINY_MODEL), (4, 8, 8))).multiply_adds
    )
    assert found['multiply_adds_per_s'] == pytest.approx(
        1e3 * found['multiply_adds'] / found['forward']['median_ms']
    )


def test_the_training_step_freezes_what_the_config_freezes(measured):
    assert 'Training step: 5 of 8 parameters train' in measured[1]


def test_a_two_stream_network_is_measured_and_only_the_forward_unless_asked(tmp_path):
    config = tiny.write_config(tmp_path, model=TWO_STREAM, data=None, loss=None, optimizer=None)
    found, printed = figures(
        tmp_path, 'benchmark_model', config, '--clip-len', 4, '--size', 8, '--repeat', 1
    )
    assert (
        found['forward']['compile_s'] >= 0
        and 'training step' not in found
        and 'raining step' not in printed
    )


@pytest.mark.parametrize(
    'args, message',
    [
        (['--train', '--cfg-options', 'loss=None'], "has no 'loss'"),
        (
            ['--train', '--cfg-options', "freeze={'freeze_prefixes':['nowhere']}"],
            "the prefix 'nowhere'",
        ),
        (['--device', 'Ascend'], "device 'Ascend': the config has runners for CPU"),
    ],
)
def test_what_cannot_be_measured_is_told_in_one_line(tmp_path, args, message):
    status, printed = run(
        'benchmark_model', tiny.write_config(tmp_path), '--clip-len', 4, '--size', 8, *args
    )
    assert status == 1 and message in printed and printed.count('\n') == 1


def test_convolutions_of_each_channel_and_products_between_places_are_counted():
    backbone = dict(type='ResNet3dCSN', depth=50, non_local=(1, 0, 0, 0), stage_blocks=(1, 1, 1, 1))
    head = dict(type='PoolHead', num_classes=3)
    model = build_recognizer(dict(type='Recognizer3D', backbone=backbone, head=head))
    layers = {layer.name: layer for layer in count(model, (4, 32, 32))}
    assert not any(layer.missed for layer in layers.values())
    of_each_channel = layers['backbone.layer2.0.conv2.conv']
    assert of_each_channel.multiply_adds == 128 * 2 * 4 * 4 * 27
    between_places = layers['backbone.layer1.0.non_local']
    assert between_places.multiply_adds == 2 * 128 * (4 * 8 * 8) * (4 * 4 * 4)
