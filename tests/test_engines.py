"""Plain I3D in OpenVINO and onnxruntime: what MindSpore computes, without it; which engine computes
what; and the graphs that are kept.
"""

import functools
import os
import subprocess
import sys

import mindspore as ms
import numpy as np
import pytest

pytest.importorskip('openvino')
pytest.importorskip('onnxruntime')

from tiny_export import tiny_config, write_tiny_checkpoint  # noqa: E402

from i3dbox.apis.export import export  # noqa: E402
from i3dbox.config.config import Config  # noqa: E402
from i3dbox.errors import (  # noqa: E402
    CheckpointError,
    ConfigError,
    DeviceError,
    I3DBoxError,
    ModelError,
)
from i3dbox.inference import engines  # noqa: E402
from i3dbox.inference.engines import (  # noqa: E402
    build_engine,
    choose_engine,
    exported_engine,
    graph_cache,
)
from i3dbox.inference.model_spec import plain_i3d  # noqa: E402
from i3dbox.models.i3d_table import ENDPOINTS, LOGITS, parameter_shapes, temporal_geometry  # noqa: E402
from i3dbox.models.plain_i3d import plain_streams  # noqa: E402
from i3dbox.runtimes.backends import BACKENDS  # noqa: E402
from i3dbox.runtimes.exported import load_exported  # noqa: E402
from i3dbox.streams import CHANNELS  # noqa: E402
from i3dbox.weights.checkpoint_file import write_checkpoint  # noqa: E402

CLASSES = 7
FAST = ('Conv3d_1a_7x7', 'MaxPool3d_4a_3x3', 'Mixed_4d')
rng = np.random.default_rng(20)


def parameters(channels, classes=CLASSES):
    """Made-up weights that keep values of one size through the layers."""
    made = {}
    for name, shape in parameter_shapes(channels, classes).items():
        if name.endswith('weight'):
            made[name] = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        elif name.endswith(('gamma', 'moving_variance')):
            made[name] = rng.uniform(0.7, 1.3, shape)
        else:
            made[name] = rng.normal(0, 0.1, shape)
    return {name: array.astype(np.float32) for name, array in made.items()}


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory):
    """A checkpoint of each stream, by 'rgb' and 'flow'."""
    folder = tmp_path_factory.mktemp('checkpoints')
    for name, modality in (('rgb', 'RGB'), ('flow', 'Flow')):
        write_checkpoint(
            str(folder / f'{name}.ckpt'),
            parameters(CHANNELS[modality]),
            meta=dict(modality=modality),
        )
    return {name: str(folder / f'{name}.ckpt') for name in ('rgb', 'flow')}


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
    """A cache of this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp('cache')
        patch.setenv('I3DBOX_CACHE', str(folder))
        yield folder


@pytest.fixture(scope='module')
def config():
    return plain_i3d(dict(rgb=CLASSES, flow=CLASSES))


def engine(config, checkpoints, name):
    built = build_engine(config, name, device='CPU')
    built.load(checkpoints)
    return built


@pytest.fixture(scope='module')
def reference(config, checkpoints):
    """A function: what MindSpore makes of the same clip, up to an endpoint or as `logits`. It works
    operator by operator, as a graph for each endpoint would cost its compilation.
    """
    built = engine(config, checkpoints, 'mindspore')

    @functools.lru_cache(None)  # for the engines that come later
    def answer(name, shape, endpoint, pool='avg', floats=False):
        stream = built.streams[name]
        clip = clip_of(stream, *shape)
        if floats:
            clip = clip.astype(np.float32) * np.float32(0.9)
        return stream.logits(clip) if endpoint == 'logits' else stream.upto(endpoint, pool)(clip)

    ms.set_context(mode=ms.PYNATIVE_MODE)
    yield answer
    ms.set_context(mode=ms.GRAPH_MODE)


@pytest.fixture(
    scope='module', params=['openvino', pytest.param('onnxruntime', marks=pytest.mark.slow)]
)
def graphs(request, config, checkpoints, cache):
    return engine(config, checkpoints, request.param)


def clip_of(stream, frames, height, width, seed=0):
    """Noise, the same for the same arguments."""
    noise = np.random.default_rng(seed)
    return noise.integers(0, 256, (1, frames, height, width, stream.channels), np.uint8)


def assert_close(found, expected):
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


# what MindSpore computes


@pytest.mark.slow
@pytest.mark.parametrize('name', ['rgb', 'flow'])
@pytest.mark.parametrize('shape', [(8, 32, 32), (11, 37, 45)], ids=str)
def test_the_graphs_logits_are_mindspores_for_clips_of_any_shape(graphs, reference, name, shape):
    stream = graphs.streams[name]
    clip = clip_of(stream, *shape)
    assert_close(stream.upto(LOGITS)(clip), reference(name, shape, LOGITS))
    assert_close(stream.logits(clip), reference(name, shape, 'logits'))


@pytest.mark.parametrize(
    'endpoint',
    [
        endpoint if endpoint in FAST else pytest.param(endpoint, marks=pytest.mark.slow)
        for endpoint in ENDPOINTS
    ],
)
def test_every_endpoints_maps_are_mindspores(graphs, reference, endpoint):
    if graphs.name == 'onnxruntime' and endpoint not in FAST:
        pytest.skip('the graph is the same')
    clip = clip_of(graphs.streams['rgb'], 9, 33, 47)
    pool = 'avg' if endpoint == 'Mixed_4d' else 'none'
    found = graphs.streams['rgb'].upto(endpoint, pool)
    assert_close(found(clip), reference('rgb', (9, 33, 47), endpoint, pool))
    assert found.temporal_geometry == temporal_geometry(endpoint)


@pytest.mark.slow
def test_the_graphs_logits_are_those_of_the_exporters_file(graphs, checkpoints, tmp_path):
    if graphs.name == 'onnxruntime':
        pytest.skip('the graph is the same')
    cfg = plain_i3d(dict(rgb=CLASSES))
    path = export(cfg, checkpoints['rgb'], 'ONNX', str(tmp_path / 'a.onnx'), 2, 9, 40).path
    stream = graphs.streams['rgb']
    clips = np.concatenate([clip_of(stream, 9, 40, 40, seed) for seed in range(2)])
    assert_close(stream.logits(clips), load_exported(path, graphs.name)(clips))


@pytest.mark.slow
def test_clips_of_floats_are_not_cut_to_bytes(graphs, reference):
    bytes_, shape = clip_of(graphs.streams['rgb'], 8, 32, 32), (8, 32, 32)
    clip = bytes_.astype(np.float32) * np.float32(0.9)
    found = graphs.streams['rgb'].upto('Mixed_3b')
    assert_close(found(clip), reference('rgb', shape, 'Mixed_3b', floats=True))
    assert_close(found(bytes_), reference('rgb', shape, 'Mixed_3b'))


def test_another_epsilon_is_another_network(config, checkpoints, cache):
    other = plain_i3d(dict(rgb=CLASSES))
    other.model.backbone.norm = dict(eps=0.5)
    clip = rng.integers(0, 256, (1, 8, 32, 32, 3), np.uint8)
    same, changed = (
        engine(cfg, checkpoints['rgb'], 'openvino').streams['imgs'].logits(clip)
        for cfg in (plain_i3d(dict(rgb=CLASSES)), other)
    )
    assert np.abs(same - changed).max() > 1e-3 * np.abs(same).max()


def test_a_score_is_the_same_to_the_last_bit_in_any_batch(graphs):
    stream = graphs.streams['rgb']
    clips = np.concatenate([clip_of(stream, 9, 40, 36, seed) for seed in range(3)])
    together = stream.logits(clips)
    assert [stream.logits(clip[None])[0].tobytes() for clip in clips] == [
        row.tobytes() for row in together
    ]


@pytest.mark.slow
def test_an_engine_takes_one_checkpoint_after_the_other(checkpoints, cache, tmp_path):
    path = str(tmp_path / 'other.ckpt')
    write_checkpoint(path, parameters(3), meta=dict(modality='RGB'))
    built = build_engine(plain_i3d(dict(rgb=CLASSES)), 'openvino', device='CPU')
    network = built.streams['imgs'].upto(LOGITS)  # as testing has it before the first
    clip = clip_of(built.streams['imgs'], 8, 32, 32)
    scores = []
    for checkpoint in (checkpoints['rgb'], path, checkpoints['rgb']):
        built.load(checkpoint)
        scores.append(network(clip))
    assert np.array_equal(scores[0], scores[2]) and not np.allclose(scores[0], scores[1])


@pytest.mark.slow
def test_a_checkpoint_of_both_streams_is_taken_apart(config, checkpoints, cache, graphs, tmp_path):
    from i3dbox.weights.checkpoint import load_checkpoint

    whole = {
        f'{stream}.{name}': array
        for stream, path in checkpoints.items()
        for name, array in load_checkpoint(path)[0].items()
    }
    write_checkpoint(str(tmp_path / 'both.ckpt'), whole, meta=dict(modality='RGB+Flow'))
    built = build_engine(config, graphs.name, device='CPU')
    built.load(str(tmp_path / 'both.ckpt'))
    for name, stream in built.streams.items():
        clip = clip_of(stream, 8, 32, 32)
        assert np.array_equal(stream.logits(clip), graphs.streams[name].logits(clip))


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(modality='Flow'), 'was trained on Flow; the model takes RGB'),
        (dict(classes=9), 'has 9 classes; the model has 7'),
        (dict(drop='backbone.Mixed_4b.b0.bn.beta'), r'1 missing \(backbone.Mixed_4b.b0.bn.beta\)'),
        (dict(drop='head'), 'has no head'),
    ],
    ids=str,
)
def test_a_checkpoint_that_does_not_fit_is_refused_as_mindspore_refuses_it(
    cache, tmp_path, change, message
):
    made = parameters(3, change.get('classes', CLASSES))
    made = {
        name: array
        for name, array in made.items()
        if not name.startswith(change.get('drop', 'none'))
    }
    path = str(tmp_path / 'a.ckpt')
    write_checkpoint(path, made, meta=dict(modality=change.get('modality', 'RGB')))
    for name in ('openvino', 'mindspore'):
        with pytest.raises(CheckpointError, match=message):
            build_engine(plain_i3d(dict(rgb=CLASSES)), name, device='CPU').load(path)


def test_a_clip_that_is_too_small_is_refused(graphs):
    with pytest.raises(ModelError, match='at least 8 frames of 32 x 32; the pipeline gives 7'):
        graphs.streams['rgb'].check_input(np.zeros((1, 1, 7, 32, 32, 3), np.uint8))


@pytest.mark.slow
def test_a_network_of_ones_own_is_exported_once_and_gives_mindspores_answers(
    cache, tmp_path, monkeypatch
):
    cfg = tiny_config(tmp_path)
    checkpoint = write_tiny_checkpoint(cfg, tmp_path / 'tiny.ckpt')
    found, expected = (engine(cfg, checkpoint, name) for name in ('openvino', 'mindspore'))
    clips = rng.integers(0, 256, (3, 4, 8, 8, 3), np.uint8)
    logits = found.streams['imgs'].logits(clips)
    assert_close(logits, expected.streams['imgs'].logits(clips))
    steps = found.streams['imgs'].upto(LOGITS)
    assert_close(steps(clips[:1]), expected.streams['imgs'].upto(LOGITS)(clips[:1]))
    assert found.streams['imgs'].few_lengths and found.name == 'openvino'
    monkeypatch.setattr(exported_engine.ONNXExporter, 'export', None)
    again = engine(cfg, checkpoint, 'openvino').streams['imgs']
    assert np.array_equal(again.logits(clips), logits)


# which engine computes what

PLAIN = dict(
    type='Recognizer3D',
    backbone=dict(type='InceptionI3D'),
    head=dict(type='I3DHead', num_classes=5),
)
OTHERS = {
    'backbone': dict(PLAIN, backbone=dict(type='my.Backbone')),
    'endpoint': dict(PLAIN, backbone=dict(type='InceptionI3D', endpoints='Mixed_4f')),
    'head': dict(PLAIN, head=dict(type='MyHead', num_classes=5)),
    'recognizer': dict(PLAIN, type='MyRecognizer'),
    'classes': dict(PLAIN, head=dict(type='I3DHead')),
    'norm': dict(PLAIN, backbone=dict(type='InceptionI3D', norm=dict(affine=False))),
    'weights': dict(
        type='TwoStreamRecognizer', rgb=PLAIN, flow=dict(PLAIN, modality='Flow'), weights='12'
    ),
    'one stream of two': dict(
        type='TwoStreamRecognizer', rgb=PLAIN, flow=dict(PLAIN, backbone=dict(type='my.Backbone'))
    ),
}


@pytest.fixture
def installed(monkeypatch):
    """A function: makes only the named packages seem installed, and no Ascend."""

    def only(*names):
        for name, backend in BACKENDS.items():
            monkeypatch.setattr(
                backend, 'is_installed', classmethod(lambda cls, n=name: n in names)
            )
        monkeypatch.setattr(engines, 'has_ascend', lambda: False)

    return only


def test_the_fastest_that_is_installed_computes(installed):
    for there, chosen in (
        (('mindspore', 'openvino', 'onnxruntime'), 'openvino'),
        (('mindspore', 'onnxruntime'), 'onnxruntime'),
        (('mindspore',), 'mindspore'),
    ):
        installed(*there)
        assert choose_engine(PLAIN) == (chosen, 'float32')


@pytest.mark.parametrize('model', OTHERS.values(), ids=OTHERS)
def test_what_is_not_plain_i3d_is_computed_by_mindspore(installed, model):
    installed('mindspore', 'openvino')
    assert plain_streams(model) is None
    assert choose_engine(model).name == 'mindspore'
    assert choose_engine(model, 'openvino').name == 'openvino'  # when it is exported
    installed('openvino')
    with pytest.raises(ConfigError, match='when MindSpore has exported them: pip install'):
        choose_engine(model, 'openvino')


def test_on_ascend_mindspore_computes(installed, monkeypatch):
    installed('mindspore', 'openvino')
    assert choose_engine(PLAIN, device='Ascend').name == 'mindspore'
    monkeypatch.setattr(engines, 'has_ascend', lambda: True)
    assert choose_engine(PLAIN).name == 'mindspore'
    assert choose_engine(PLAIN, device='CPU').name == 'openvino'
    with pytest.raises(DeviceError, match='on Ascend MindSpore computes'):
        choose_engine(PLAIN, 'openvino', device='Ascend')


@pytest.mark.parametrize(
    'there, options, message',
    [
        ((), {}, 'openvino is not installed.*MindSpore is not installed: pip install'),
        (('openvino',), dict(engine='mindspore'), r'MindSpore is not installed: .*i3dbox\[train\]'),
        (('mindspore',), dict(engine='openvino'), 'openvino is not installed: pip install'),
        (('onnxruntime',), dict(engine='onnxruntime', precision='bfloat16'), 'in float32'),
        (('mindspore', 'onnxruntime'), dict(precision='bfloat16'), 'openvino is not installed'),
        (('mindspore',), dict(engine='mindspore', precision='bfloat16'), 'float32 on a CPU'),
        (('openvino',), dict(precision='int8'), 'int8 is of exported files'),
        (('openvino',), dict(precision='half'), "one of float32, bfloat16; got 'half'"),
        (('openvino',), dict(engine='tensorrt'), 'an engine is one of auto, mindspore'),
    ],
    ids=str,
)
def test_an_engine_that_cannot_be_had_says_what_can(installed, there, options, message):
    installed(*there)
    with pytest.raises(I3DBoxError, match=message) as error:
        choose_engine(PLAIN, **options)
    assert '\n' not in str(error.value)


@pytest.mark.slow
def test_without_mindspore_a_checkpoint_is_recognised_and_onnx_leaves_room_for_it(
    checkpoints, cache
):
    program = (
        'import sys\n'
        'import numpy as np\n'
        'from i3dbox.inference.recognizer import init_recognizer\n'
        'from i3dbox.inference.model_spec import ModelSpec\n'
        'from i3dbox.inference.recognizer import load_recognizer\n'
        'spec = ModelSpec.resolve(checkpoint=dict(rgb=sys.argv[1]))\n'
        "recognizer = load_recognizer(spec, engine='openvino')\n"
        'recognizer(np.zeros((9, 40, 40, 3), np.uint8))\n'
        'assert "mindspore" not in sys.modules and "torch" not in sys.modules\n'
        'import mindspore\n'
    )
    subprocess.run([sys.executable, '-c', program, checkpoints['rgb']], check=True)


def test_a_cpu_without_bfloat16_refuses_it_before_weights_are_read(monkeypatch):
    backend = BACKENDS['openvino']
    monkeypatch.setattr(backend, 'has_bfloat16', classmethod(lambda cls, name='CPU': False))
    with pytest.raises(DeviceError, match='CPU does not compute in bfloat16: take .* float32'):
        build_engine(plain_i3d(dict(rgb=CLASSES)), precision='bfloat16', device='CPU')


# graphs that are kept


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A function: makes a graph of made-up parameters in a cache of its own; returns its path."""
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path))
    made = {name: array for name, array in parameters(3).items() if 'Conv3d_1a' in name}

    def make(epsilon=1e-3):
        return graph_cache.cached_graph(made, 'Conv3d_1a_7x7', 'none', epsilon, 'uint8')

    return make


def test_a_graph_is_made_once(kept, monkeypatch):
    path = kept()
    monkeypatch.setattr(graph_cache, 'i3d_graph', None)
    assert kept() == path


@pytest.mark.parametrize('damage', ['cut', 'changed', 'no hash', 'odd hash'])
def test_a_damaged_graph_is_made_again(kept, damage, caplog):
    path = kept()
    with open(path, 'rb') as file:
        whole = file.read()
    if damage in ('cut', 'changed'):
        with open(path, 'wb') as file:
            file.write(whole[:-9] if damage == 'cut' else whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == 'no hash':
        os.remove(f'{path}.sha256')
    else:
        with open(f'{path}.sha256', 'wb') as file:
            file.write(b'\xff' * 9)
    assert kept() == path and 'is damaged; it is made again' in caplog.text
    with open(path, 'rb') as file:
        assert file.read() == whole


def test_a_cache_that_cannot_be_made_is_told_with_what_names_another(kept, monkeypatch):
    monkeypatch.setenv('I3DBOX_CACHE', os.devnull)
    with pytest.raises(ConfigError, match='cannot be made: .*I3DBOX_CACHE names another one'):
        kept()


def test_the_graphs_that_were_used_last_are_kept(kept, monkeypatch):
    monkeypatch.setattr(graph_cache, 'KEPT', 2)
    first, second = kept(0.1), kept(0.2)
    os.utime(second, (0, 0))
    third = kept(0.3)
    there = [os.path.exists(path) for path in (first, second, third)]
    assert there == [True, False, True] and not os.path.exists(f'{second}.sha256')


def test_what_a_config_says_of_plain_i3d_is_kept():
    (stream,) = plain_streams(
        dict(
            PLAIN,
            modality='Flow',
            average_clips='prob',
            backbone=dict(type='InceptionI3D', norm=dict(eps=1e-5, momentum=0.9)),
        )
    ).values()
    assert (stream.modality, stream.num_classes) == ('Flow', 5)
    assert (stream.average_clips, stream.epsilon) == ('prob', 1e-5)
    assert stream.shapes == parameter_shapes(2, 5)
    assert plain_streams(Config(dict(model=PLAIN)).model).keys() == {'imgs'}
