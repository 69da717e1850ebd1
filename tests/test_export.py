"""Exported files give the network's answers in every runtime, say what they are, and refuse what
does not fit.
"""

import hashlib
import json
import math
import pathlib

import mindspore as ms
import numpy as np
import pytest
from conftest import _shared_data
from i3d_weights import write_i3d_checkpoint
from mindspore import nn, ops
from test_commands import small
from test_training import command
from tiny_export import logits, some_clips, tiny_config, write_tiny_checkpoint
from videos import moving_frames

import i3dbox
from i3dbox.apis import load_exported
from i3dbox.apis.export import compare, export, verify, verifying_runtime
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.config.shipped import find_config
from i3dbox.errors import ConfigError, DeviceError, ExportError, I3DBoxError, RegistryError
from i3dbox.exporters.mindir import MindIRExporter
from i3dbox.exporters.onnx_passes import clean
from i3dbox.exporters.repository import write_server_files
from i3dbox.models.normalization import SYMMETRIC
from i3dbox.registry import BACKBONES, EXPORTERS
from i3dbox.runtimes.backends import BACKENDS

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('openvino')

CLIP = dict(clip_len=16, size=64)
CLASSES = [f'class {i}' for i in range(9)]
KINDS = {'rgb': ['rgb'], 'flow': ['flow'], 'both': ['rgb', 'flow']}  # the streams of each
RUNTIMES = {
    'mindspore': ('MINDIR', 'absolute', 1e-5),
    'onnxruntime': ('ONNX', 'relative', 1e-4),
    'openvino': ('ONNX', 'relative', 1e-4),
}


# The real network
# ---------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def clips():
    """Three clips of 16 x 64 x 64 by stream: of the sample videos where those are here, and their
    DIS flow.
    """
    import cv2

    from i3dbox.flow.encoding import encode

    videos = _shared_data() / 'videos'
    sources = []
    for number, name in enumerate(('test.avi', 'part_0.mp4', 'v_ZNVhz7ctTq0.mp4')):
        capture = cv2.VideoCapture(str(videos / name))
        frames = (
            [capture.read()[1] for _ in range(17)]
            if capture.isOpened()
            else moving_frames(17, seed=number)
        )
        sources.append(
            [
                cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA)[..., ::-1]
                for frame in frames
            ]
        )
    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = []
    for frames in sources:
        grey = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in frames]
        flow.append([encode(method.calc(*pair, None), 20) for pair in zip(grey, grey[1:])])
    return dict(
        rgb=np.array([frames[:16] for frames in sources], np.uint8), flow=np.array(flow, np.uint8)
    )


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp('i3d')
    return {
        stream: write_i3d_checkpoint(
            folder / f'{stream}.ckpt',
            modality,
            9,
            classes=CLASSES,
            licence='Apache-2.0',
            source='made up',
        )
        for stream, modality in (('rgb', 'RGB'), ('flow', 'Flow'))
    }


@pytest.fixture(scope='module')
def made(checkpoints):
    """A function (kind, format) -> what export returned for the real network; each is made once."""
    done = {}

    def make(kind, format):
        if (kind, format) not in done:
            cfg = Config.fromfile(
                find_config('two_stream_ucf101' if kind == 'both' else f'i3d_{kind}_ucf101'),
                {f'model.{s}.head.num_classes': 9 for s in KINDS[kind]}
                if kind == 'both'
                else {'model.head.num_classes': 9},
            )
            done[kind, format] = export(
                cfg, checkpoints if kind == 'both' else checkpoints[kind], format, **CLIP
            )
        return done[kind, format]

    return make


@pytest.fixture(scope='module')
def expected(made, clips):
    """A function: kind -> the network's logits of the clips."""
    done = {}

    def compute(kind):
        if kind not in done:
            network = made(kind, 'ONNX').network
            done[kind] = network(*[ms.Tensor(clips[stream]) for stream in KINDS[kind]]).asnumpy()
        return done[kind]

    return compute


@pytest.mark.slow
@pytest.mark.parametrize(
    ('runtime', 'kind'),  # one file of both streams holds the graph of each; see test_load_exported
    [('mindspore', 'rgb'), ('openvino', 'both'), *(('onnxruntime', kind) for kind in KINDS)],
)
def test_the_exported_file_gives_the_networks_logits(made, expected, clips, kind, runtime):
    format, measure, limit = RUNTIMES[runtime]
    model = load_exported(made(kind, format).path, runtime)
    assert [spec.name for spec in model.inputs] == (['imgs'] if kind != 'both' else ['rgb', 'flow'])
    found = model(*[clips[stream] for stream in KINDS[kind]])
    absolute, relative, _, same_top5, *_ = compare(found, expected(kind))
    assert found.shape == (3, 9) and found.dtype == np.float32 and np.abs(found).max() > 1
    assert dict(absolute=absolute, relative=relative)[measure] <= limit and same_top5


@pytest.mark.slow
def test_both_streams_are_the_sum_of_each(made, clips):
    rgb, flow, both = (load_exported(made(kind, 'ONNX').path) for kind in KINDS)
    np.testing.assert_allclose(
        both(flow=clips['flow'], rgb=clips['rgb']),
        rgb(clips['rgb']) + flow(clips['flow']),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.slow
def test_streams_of_different_length_are_told(made, clips):
    with pytest.raises(ExportError, match="different numbers of clips: 3 in 'rgb', 2 in 'flow'"):
        load_exported(made('both', 'ONNX').path)(clips['rgb'], clips['flow'][:2])


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_the_onnx_graph_is_plain(made, kind):
    exported = made(kind, 'ONNX')
    model = onnx.load(exported.path)
    onnx.checker.check_model(model, full_check=True)
    operators = [node.op_type for node in model.graph.node]
    streams = len(KINDS[kind])
    assert {node.domain for node in model.graph.node} == {''}
    assert (
        [(o.domain, o.version) for o in model.opset_import]
        == [('', exported.info['onnx']['opset'])]
        == [('', 11)]
    )
    assert not {'BatchNormalization', 'Constant', 'Identity'} & set(operators)
    assert operators.count('Conv') == 58 * streams
    # a max pool over space and time is two, between three changes of shape; two have no time
    assert operators.count('MaxPool') == 24 * streams and operators.count('Reshape') == 37 * streams
    assert {name: operators.count(name) for name in operators} == exported.info['onnx']['operators']
    assert not [a for node in model.graph.node for a in node.attribute if a.name == 'auto_pad']
    assert_within_what_atc_takes(model)


# ATC's pages of single operators, CANN 8.5: Conv atlasoxol_09_0040, MaxPool atlasoxol_09_0094, on
# https://www.hiascend.com/document/detail/en/canncommercial/850/API/aolapi/, and its list of ONNX
# operators (operatorlist_00177): what 310P and 910B take, of opset 9 to 18, in ONNX 1.12 (IR 8).
ATC = frozenset(
    'Add Cast Concat Conv Div MaxPool Mul ReduceMean Relu Reshape Slice Sub Transpose'.split()
)


@pytest.mark.slow
def test_no_max_pool_of_three_dimensions_is_in_a_mindir(made):
    data = pathlib.Path(made('rgb', 'MINDIR').path).read_bytes()
    assert b'MaxPool' in data and b'MaxPool3D' not in data


def assert_within_what_atc_takes(model):
    assert {node.op_type for node in model.graph.node} <= ATC
    assert 9 <= model.opset_import[0].version <= 18 and model.ir_version <= 8
    for node in model.graph.node:
        values = {a.name: list(a.ints) or a.i for a in node.attribute}
        if node.op_type == 'MaxPool':
            assert len(values['kernel_shape']) == 2, 'no MaxPool3D, which not every chip has'
            assert math.prod(values['kernel_shape']) <= 255 and max(values['strides']) <= 63
        if node.op_type == 'Conv':
            assert values.get('group', 1) == 1
            assert max(values['kernel_shape']) <= 255 and max(values['strides']) <= 63
            assert set(values.get('dilations', [1])) == {1}
    shaped = {value.name for value in (*model.graph.value_info, *model.graph.output)}
    assert shaped >= {name for node in model.graph.node for name in node.output}
    assert [value.name for value in model.graph.output] == ['logits']
    assert any(
        tensor.name.endswith('Mixed_5c.b3b.conv3d.weight') for tensor in model.graph.initializer
    )


@pytest.mark.slow
def test_bfloat16_in_openvino_keeps_the_answer(made, expected, clips):
    import openvino

    if 'BF16' not in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
        with pytest.raises(DeviceError, match='CPU does not compute in bfloat16'):
            load_exported(made('rgb', 'ONNX').path, precision='bfloat16')
        return
    model = load_exported(made('rgb', 'ONNX').path, precision='bfloat16', threads=1)
    assert type(model.backend) is BACKENDS['openvino']
    _, relative, *_ = compare(model(clips['rgb']), expected('rgb'))
    assert 1e-5 < relative < 0.05


@pytest.mark.slow
def test_the_description_says_what_the_file_is(made, checkpoints):
    info = json.loads(pathlib.Path(made('both', 'ONNX').path + '.json').read_text())
    digest = hashlib.sha256(pathlib.Path(checkpoints['flow']).read_bytes()).hexdigest()
    assert (
        info['sha256']
        == hashlib.sha256(pathlib.Path(made('both', 'ONNX').path).read_bytes()).hexdigest()
    )
    assert (info['format'], info['classes'], info['modality']) == ('ONNX', CLASSES, 'RGB+Flow')
    assert info['inputs'][1] == dict(
        name='flow',
        shape=[1, 16, 64, 64, 2],
        dtype='uint8',
        layout='N x T x H x W x C',
        modality='Flow',
        values='flow x, y in pixels per frame, cut to [-bound, bound], which is 0 to 255',
    )
    assert info['output']['shape'] == [1, 9] and info['output']['name'] == 'logits'
    assert info['checkpoints'][1] == dict(
        stream='flow', file='flow.ckpt', sha256=digest, source='made up', licence='Apache-2.0'
    )
    protocol = info['protocol']
    assert (protocol['clip_len'], protocol['size'], protocol['frame_interval']) == (16, [64, 64], 1)
    assert (protocol['channels'], protocol['flow_bound']) == ('RGB', 20)
    assert protocol['flow_test_pipeline'][1]['type'] == 'SampleFrames'
    assert info['versions'] == dict(i3dbox=i3dbox.__version__, mindspore=ms.__version__)
    assert made('both', 'ONNX').path.endswith('two_stream_ucf101.onnx')


@pytest.mark.slow
@pytest.mark.parametrize('format', ['MINDIR', 'ONNX'])
def test_the_command_verifies_on_the_test_sets_own_clips(real_root, tmp_path, format):
    options = small(real_root, 'data.test')
    cfg = Config.fromfile(
        find_config('i3d_rgb_ucf101'), dict(word.split('=') for word in options[1:3])
    )
    cfg.model.head.num_classes = 2
    write_tiny_checkpoint(cfg, tmp_path / 'a.ckpt')
    done = command(
        'export',
        find_config('i3d_rgb_ucf101'),
        tmp_path / 'a.ckpt',
        '--format',
        format,
        '--verify',
        *options,
    )
    assert done.returncode == 0, done.stderr
    assert 'uint8 1 x 8 x 32 x 32 x 3' in done.stdout  # as the test pipeline makes them
    assert 'with the network on 3 clips of the test set (Class1/v_Class1_g01_c01, ' in done.stdout
    assert 'verified: largest difference' in done.stdout and 'the same top 5' in done.stdout


# A tiny network
# ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize('format', ['MINDIR', 'ONNX'])
@pytest.mark.parametrize('input', ['uint8', 'float32'])
def test_an_open_batch_size_takes_one_clip_and_three(tiny_export, format, input):
    exported, cfg = tiny_export(format, batch_size=None, input=input)
    model = load_exported(exported.path)
    assert model.inputs[0].shape[0] is None
    imgs = some_clips(3) if input == 'uint8' else SYMMETRIC(some_clips(3))
    for count in (1, 3, 2):
        np.testing.assert_allclose(
            model(imgs[:count]), logits(exported, imgs)[:count], rtol=1e-5, atol=1e-5
        )
    assert verify(exported, cfg).passed
    if format == 'ONNX':
        openvino = load_exported(exported.path, 'openvino')
        for count in (1, 3):
            np.testing.assert_allclose(
                openvino(imgs[:count]), model(imgs[:count]), rtol=1e-5, atol=1e-5
            )


@pytest.mark.slow
@pytest.mark.smoke
def test_float32_input_is_the_same_network_without_its_preprocessing(tiny_export):
    whole, bare = (
        load_exported(tiny_export(input=input)[0].path) for input in ('uint8', 'float32')
    )
    assert bare.inputs[0].shape == (1, 3, 4, 8, 8) and bare.inputs[0].layout == 'N x C x T x H x W'
    np.testing.assert_allclose(
        bare(SYMMETRIC(some_clips(2))), whole(some_clips(2)), rtol=1e-5, atol=1e-5
    )


class Odd(nn.Cell):
    """What clean-up must see: weights that two places share, batch norm without a convolution, with
    two readers.
    """

    out_channels = 3

    def __init__(self, in_channels=3):
        super().__init__()
        self.conv = nn.Conv3d(3, 3, 3, pad_mode='same')
        self.norms = nn.CellList([nn.BatchNorm3d(3) for _ in range(3)])

    def construct(self, x):
        x = self.norms[0](x)
        y = self.conv(x)
        z = self.norms[1](self.conv(ops.relu(y)))
        return self.norms[2](y) + ops.transpose(z, (0, 1, 2, 3, 4)) * 1.0 + y


class Baked(nn.Cell):
    """Builds the batch size into its graph."""

    out_channels = 3

    def __init__(self, in_channels=3):
        super().__init__()
        self.in_channels = in_channels

    def construct(self, x):
        return x + ops.ones((x.shape[0], 3, 1, 1, 1), ms.float32)


class Exotic(nn.Cell):
    """Uses an operator that ONNX has not."""

    out_channels = 3

    def __init__(self, in_channels=3):
        super().__init__()
        self.in_channels = in_channels

    def construct(self, x):
        return ops.erfinv(x)


for cell in (Odd, Baked, Exotic):
    BACKBONES.register(cell)


@pytest.mark.slow
@pytest.mark.smoke
def test_a_backbone_of_ones_own_is_exported(tiny_export):
    exported, cfg = tiny_export(backbone='Odd', batch_size=2)
    operators = exported.info['onnx']['operators']
    # those that follow no convolution, or one that others read
    assert operators['BatchNormalization'] == 2
    # of the preprocessing
    assert operators['Conv'] == 3 and operators['Transpose'] == operators['Mul'] == 1
    found = verify(exported, cfg)
    assert found.passed and found.same_top5


@pytest.mark.slow
def test_a_batch_size_that_is_built_in_cannot_be_left_open(tiny_export):
    assert tiny_export(backbone='Baked')[0].info['onnx']['opset'] == 11
    with pytest.raises(
        ExportError, match='the batch size is built into the ONNX graph.*fixed --batch-size'
    ):
        tiny_export(backbone='Baked', batch_size=None)


def test_an_operator_that_onnx_lacks_is_told(tiny_export):
    with pytest.raises(
        ExportError, match='MindSpore cannot export this network as ONNX: .*(?i:erfinv)'
    ):
        tiny_export(backbone='Exotic')


def test_an_exporter_of_ones_own_is_named_by_format(tiny_export):
    @EXPORTERS.register
    class Names:
        extension = '.txt'

        def export(self, network, inputs, path, dynamic=False):
            pathlib.Path(path).write_text('\n'.join(p.name for p in network.get_parameters()))
            return dict(shape=list(inputs['imgs'].shape))

    exported, _ = tiny_export('Names')
    assert 'head.logits.weight' in pathlib.Path(exported.path).read_text()
    assert exported.info['names'] == dict(shape=[1, 4, 8, 8, 3])
    with pytest.raises(ExportError, match='Names files have a fixed batch size'):
        tiny_export('Names', batch_size=None)
    with pytest.raises(
        ExportError, match='no runtime here runs .txt files; they run .mindir, .onnx'
    ):
        load_exported(exported.path)


def test_what_no_runtime_here_could_verify_is_told_before_it_is_exported(
    tmp_path, monkeypatch, capsys
):
    assert [verifying_runtime(one) for one in ('.mindir', '.onnx')] == ['mindspore', 'onnxruntime']
    monkeypatch.setattr(BACKENDS['onnxruntime'], 'package', 'not_there')
    assert verifying_runtime('.onnx') == 'openvino'
    monkeypatch.setattr(BACKENDS['openvino'], 'package', 'not_there')
    cfg = tiny_config(tmp_path)
    checkpoint = write_tiny_checkpoint(cfg, tmp_path / 'tiny.ckpt')
    words = [cfg.filename, checkpoint, '--clip-len', '4', '--size', '8', '--format', 'onnx']
    assert main('export', [*words, '--verify']) == 1
    assert 'pip install "i3dbox[onnx]"' in capsys.readouterr().err
    assert not (tmp_path / 'tiny.onnx').exists()


@pytest.mark.slow
def test_verification_fails_for_other_weights(tmp_path, capsys):
    @EXPORTERS.register
    class Shifted(MindIRExporter):
        """Writes another network than it is given."""

        def export(self, network, inputs, path, dynamic=False):
            bias = next(p for p in network.get_parameters() if p.name.endswith('head.logits.bias'))
            value = bias.asnumpy().copy()
            bias.set_data(ms.Tensor(value + np.float32(0.01)))
            super().export(network, inputs, path, dynamic)
            bias.set_data(ms.Tensor(value))

    cfg = tiny_config(tmp_path)
    checkpoint = write_tiny_checkpoint(cfg, tmp_path / 'tiny.ckpt')
    arguments = [cfg.filename, checkpoint, '--clip-len', '4', '--size', '8', '--verify']
    assert main('export', [*arguments, '--format', 'Shifted']) == 1
    text = capsys.readouterr().out
    assert 'on 3 clips of the test set (clip0, clip1, clip2)' in text
    assert (
        'NOT EQUAL: largest difference 0.01 absolute' in text
        and '(allowed: 1e-05 absolute)' in text
        and text.endswith('stays, to be looked at; do not serve it\n')
    )
    # the test set has other clips
    assert main('export', [*arguments[:4], '--size', '9', '--verify']) == 0
    assert (
        'on 3 random clips, as the test set cannot be used: its clips are 4 x 8 x 8 x 3, the '
        'file takes 4 x 9 x 9 x 3'
    ) in capsys.readouterr().out


# What does not fit
# ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            dict(format='AIR'),
            'AIR is written by the Ascend build of MindSpore on a machine with an Ascend device',
        ),
        (
            dict(format='AIR', batch_size=None),
            'AIR files have a fixed batch size; give --batch-size a number',
        ),
        (dict(format='ONXX'), "no exporter is called 'ONXX'. Did you mean 'ONNX'?"),
        (dict(format='ONNX', out='model.mindir'), 'must end in .onnx; got model.mindir'),
        (dict(batch_size=0), 'batch_size is a whole number from 1; got 0'),
        (dict(size=0), 'size is a whole number from 1; got 0'),
        (dict(input='float16'), "input is 'uint8' or 'float32'; got 'float16'"),
        (dict(device='Ascend'), "device 'Ascend': the config has runners for CPU"),
        (
            dict(clip_len=4, size=16, backbone='InceptionI3D'),
            'the model cannot take clips of 4 frames of 16 x 16 (--clip-len, --size): '
            'InceptionI3D takes clips of at least 8 frames of 32 x 32; got 4 frames of 16 x 16',
        ),
    ],
)
def test_what_cannot_be_exported_is_told(tmp_path, arguments, message):
    cfg = tiny_config(tmp_path, arguments.pop('backbone', 'TinyBackbone'))
    # before the checkpoint, which is not there, is looked for
    with pytest.raises(I3DBoxError) as error:
        export(cfg, 'nothing.ckpt', **arguments)
    assert message in str(error.value)


def test_the_mean_of_softmax_needs_a_file_for_each_stream():
    cfg = Config.fromfile(
        find_config('two_stream_ucf101'),
        {'model.flow.average_clips': 'prob', 'model.rgb.backbone.type': 'Unbuilt'},
    )
    with pytest.raises(ConfigError, match="average_clips='prob'.*needs one file a stream"):
        export(cfg, dict(rgb='nothing.ckpt', flow='nothing.ckpt'))


def test_checkpoints_that_do_not_fit_are_told(tmp_path):
    cfg = tiny_config(tmp_path)
    with pytest.raises(I3DBoxError, match='checkpoint nothing.ckpt does not exist'):
        export(cfg, 'nothing.ckpt', clip_len=4, size=8)
    checkpoint = write_tiny_checkpoint(cfg, tmp_path / 'tiny.ckpt', classes=['one', 'two'])
    with pytest.raises(ExportError, match='tiny.ckpt names 2 classes; the model has 3'):
        export(cfg, checkpoint, clip_len=4, size=8)
    stream = dict(cfg.model)
    cfg.model = dict(type='TwoStreamRecognizer', rgb=stream, flow=stream)
    cfg.model.flow['modality'] = 'Flow'
    paths = {}
    for name, classes in (('rgb', ['a', 'b', 'c']), ('flow', ['b', 'a', 'c'])):
        one = Config(dict(model=cfg.model[name]))
        paths[name] = write_tiny_checkpoint(one, tmp_path / f'{name}.ckpt', classes=classes)
    with pytest.raises(
        ExportError, match='rgb.ckpt and .*flow.ckpt were trained on other classes, or in another'
    ):
        export(cfg, paths, clip_len=4, size=8)


@pytest.mark.slow
@pytest.mark.parametrize(
    'arguments, message',
    [
        (
            ['a.ckpt', '--format', 'AIR'],
            'Here, export MINDIR (for mindspore_lite) or ONNX (which ATC converts for Ascend)',
        ),
        (['--rgb', 'a.ckpt'], 'name one checkpoint, or both --rgb and --flow'),
    ],
)
def test_the_command_says_it_in_one_line(arguments, message):
    done = command('export', find_config('i3d_rgb_ucf101'), *arguments)
    assert done.returncode == 1 and message in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize('value', ['0', 'many'])
def test_the_batch_size_is_a_number_or_dynamic(value, capsys):
    with pytest.raises(SystemExit):
        main('export', ['config', 'a.ckpt', '--batch-size', value])
    assert f"a whole number from 1, or 'dynamic'; got '{value}'" in capsys.readouterr().err


def test_the_mistake_of_naming_an_exporter_without_its_parts_is_told(tiny_export):
    @EXPORTERS.register
    class Half:
        pass

    with pytest.raises(
        ExportError, match=r'Half lacks extension or export\(network, inputs, path, dynamic\)'
    ):
        tiny_export('Half')
    with pytest.raises(RegistryError, match='takes no argument'):
        tiny_export(dict(type='ONNX', opset=3))


def test_operators_without_inputs_stay_as_they_are():
    onnx = pytest.importorskip('onnx')
    node = onnx.helper.make_node('RandomUniform', [], ['y'], shape=[1, 2])
    value = onnx.helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1, 2])
    graph = onnx.helper.make_graph([node], 'random', [], [value])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 11)])
    assert [node.op_type for node in clean(model).graph.node] == ['RandomUniform']


# For model servers
# ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(('format', 'backend'), [('ONNX', 'platform: "onnxruntime_onnx"')])
def test_a_repository_holds_versions_and_what_triton_asks_for(tmp_path, format, backend, capsys):
    cfg = tiny_config(tmp_path)
    path = str(tmp_path / 'tiny_config.py')
    checkpoint = write_tiny_checkpoint(cfg, tmp_path / 'tiny.ckpt', classes=['a', 'b', 'ç'])
    words = [path, checkpoint, '--format', format, '--clip-len', '4', '--size', '8']
    served = ['--repository', str(tmp_path / 'models'), '--name', 'tiny']
    for _ in range(2):
        assert main('export', [*words, *served, '--batch-size', 'dynamic']) == 0
    home = tmp_path / 'models/tiny'
    assert sorted(file.name for file in home.iterdir()) == ['1', '2', 'config.pbtxt', 'labels.txt']
    assert {file.name for file in (home / '2').iterdir()} == {'model.onnx', 'model.onnx.json'}
    assert (home / 'labels.txt').read_text(encoding='utf-8').splitlines() == ['a', 'b', 'ç']
    text = (home / 'config.pbtxt').read_text()
    assert backend in text and 'max_batch_size: 8' in text and 'dims: [ 4, 8, 8, 3 ]' in text
    assert main('export', [*words, *served]) == 1  # whose batches are of 1, as no other version's
    assert 'tiny is of another model' in capsys.readouterr().err and not (home / '3').exists()
    assert (home / 'config.pbtxt').read_text() == text
    assert main('export', [*words, *served[:2], '--name', 'other']) == 0
    fixed = (tmp_path / 'models/other/config.pbtxt').read_text()
    assert 'max_batch_size: 0' in fixed and 'dims: [ 1, 4, 8, 8, 3 ]' in fixed
    assert 'data_type: TYPE_UINT8' in text and 'dims: [ 3 ]\n    label_filename' in text
    assert load_exported(str(home / '2/model.onnx')).classes == ['a', 'b', 'ç']
    for more, fault in (
        (['--out', 'x.onnx'], 'one of both'),
        (['--name', '../x'], 'the name of a served model'),
        (['--format', 'MINDIR'], 'model servers read ONNX and OPENVINO'),
    ):
        assert main('export', [*words, *served, *more]) == 1
        assert fault in capsys.readouterr().err


@pytest.mark.slow
def test_triton_understands_the_file(tmp_path):
    definition = pytest.importorskip('tritonclient.grpc.model_config_pb2')
    from google.protobuf import text_format

    info = dict(
        inputs=[dict(name='rgb', shape=[None, 4, 8, 8, 3], dtype='uint8')],
        output=dict(name='logits', shape=[None, 3], dtype='float32'),
        classes=None,
        num_classes=3,
    )
    (tmp_path / 'tiny/1').mkdir(parents=True)
    for extension in ('.onnx', '.xml'):
        path = write_server_files(str(tmp_path / f'tiny/1/model{extension}'), info)
        read = text_format.Parse(pathlib.Path(path).read_text(), definition.ModelConfig())
        assert (read.name, read.max_batch_size) == ('tiny', 8)
        assert list(read.input[0].dims) == [4, 8, 8, 3] and read.output[0].label_filename
