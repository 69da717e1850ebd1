"""One place finds out which model a user means, whatever words they have for it."""

import pickle
import sys

import pytest
from i3d_weights import write_i3d_checkpoint

from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.config.shipped import find_config
from i3dbox.config_checks.checks import classes_of
from i3dbox.errors import CheckpointError, ConfigError
from i3dbox.inference.feature_extractor import FeatureExtractor
from i3dbox.inference.model_spec import ModelSpec, plain_i3d
from i3dbox.inference.models import create_model
from i3dbox.weights.checkpoint import load_checkpoint
from i3dbox.weights.fitting import LoadReport
from i3dbox.weights.zoo import cached_path, class_names

resolve = ModelSpec.resolve


def config(folder, *streams):
    path = folder / 'my.py'
    path.write_text(plain_i3d(dict.fromkeys(streams, 5)).pretty_text)
    return str(path)


@pytest.mark.parametrize(
    'model, stream, streams, checkpoint',
    [
        ('i3d_rgb_kinetics400', None, ('rgb',), 'zoo://i3d_rgb_kinetics400'),
        ('zoo://i3d_flow_kinetics400', None, ('flow',), 'zoo://i3d_flow_kinetics400'),
        ('i3d_rgb_kinetics400', 'flow', ('flow',), 'zoo://i3d_flow_kinetics400'),
        (
            'i3d_kinetics400',
            None,
            ('rgb', 'flow'),
            dict(rgb='zoo://i3d_rgb_kinetics400', flow='zoo://i3d_flow_kinetics400'),
        ),
        (
            ['i3d_rgb_kinetics400', 'i3d_flow_kinetics400_scratch'],
            'rgb',
            ('rgb',),
            'zoo://i3d_rgb_kinetics400',
        ),
    ],
)
def test_names_of_the_zoo(model, stream, streams, checkpoint):
    spec = resolve(model, stream=stream)
    assert (spec.streams, spec.checkpoint, spec.exported) == (streams, checkpoint, None)
    assert spec.stream == ('joint' if len(streams) == 2 else streams[0])
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_a_config_goes_with_its_checkpoints(tmp_path):
    both = config(tmp_path, 'rgb', 'flow')
    paths = dict(rgb='a.ckpt', flow='b.ckpt')
    assert resolve(config=both, checkpoint=paths).checkpoint == paths
    assert resolve(both, checkpoint=paths).streams == ('rgb', 'flow')
    assert resolve(Config.fromfile(both), checkpoint='both.ckpt').checkpoint == 'both.ckpt'
    assert resolve(config=both, checkpoint=paths, stream='flow').checkpoint == dict(flow='b.ckpt')
    assert resolve(config=both, checkpoint=dict(rgb='a.ckpt')).streams == ('rgb',)
    one = config(tmp_path, 'flow')
    assert resolve(config=one, checkpoint='b.ckpt').streams == ('flow',)
    assert resolve(config=one, checkpoint=dict(flow='b.ckpt')).checkpoint == 'b.ckpt'


def test_a_checkpoint_of_a_stream_that_the_config_has_not_is_told(tmp_path):
    with pytest.raises(ConfigError, match='my.py is of rgb alone; --flow names a checkpoint'):
        resolve(config=config(tmp_path, 'rgb'), checkpoint=dict(flow='b.ckpt'))
    with pytest.raises(ConfigError, match='my.py is of rgb alone; --flow names a checkpoint'):
        resolve(config=config(tmp_path, 'rgb'), checkpoint=dict(rgb='a.ckpt', flow='b.ckpt'))


@pytest.mark.parametrize('stream', [None, 'joint', 'flow'])
def test_of_half_a_pair_the_half_that_is_at_hand_is_named(stream):
    with pytest.raises(
        CheckpointError, match="no 'i3d_flow_kinetics600_scratch'.*'i3d_rgb_kinetics600_scratch' al"
    ):
        resolve('i3d_kinetics600_scratch', stream=stream)


@pytest.mark.parametrize('function', [create_model, FeatureExtractor])
def test_an_exported_file_cannot_be_looked_into(function):
    model = 'a.onnx' if function is create_model else resolve('a.onnx')
    with pytest.raises(ConfigError, match='a.onnx is exported, in one piece'):
        function(model)


def test_a_config_beside_an_exported_file_imports_what_its_pipeline_needs(tmp_path):
    (tmp_path / 'steps_of_mine.py').write_text('')
    (tmp_path / 'my.py').write_text(
        f"custom_imports = dict(imports=['steps_of_mine'], dirs=[{str(tmp_path)!r}])"
    )
    spec = resolve('a.onnx', config=str(tmp_path / 'my.py'))
    assert spec.exported == 'a.onnx' and 'steps_of_mine' in sys.modules


@pytest.mark.parametrize('command', ['get_flops', 'benchmark_model', 'export', 'test'])
def test_commands_with_a_config_know_the_options_of_those_with_a_video(command, tmp_path, capsys):
    absent = str(tmp_path / 'absent.py')
    for arguments in (
        ['--config', absent, '--checkpoint', 'a.ckpt'],
        [absent, '--checkpoint', 'a.ckpt'],
        ['--config', absent],
    ):
        assert main(command, arguments) == 1
        assert 'absent.py' in capsys.readouterr().err


@pytest.mark.parametrize('command', ['export', 'test'])
def test_what_is_named_twice_is_told(command, tmp_path, capsys):
    assert main(command, ['a.py', 'b.ckpt', '--checkpoint', 'a.ckpt']) == 1
    assert 'CKPT and --checkpoint name the same: leave one out' in capsys.readouterr().err
    assert main(command, ['a.py', 'b.ckpt', '--config', 'b.py']) == 1
    assert 'CONFIG and --config name the same: leave one out' in capsys.readouterr().err
    assert main(command, ['configs/i3d_rgb_synthetic.py', '--rgb', 'a.ckpt']) == 1
    assert 'there is --rgb alone' in capsys.readouterr().err


def test_a_shipped_config_goes_by_its_name():
    spec = resolve('i3d_flow_synthetic', checkpoint='b.ckpt')
    assert (spec.name, spec.streams) == ('i3d_flow_synthetic.py', ('flow',))
    with pytest.raises(
        ConfigError, match="'i3d_rgb_synthetik' is neither.* Did you mean 'i3d_rgb_"
    ):
        resolve(config='i3d_rgb_synthetik', checkpoint='b.ckpt')
    with pytest.raises(
        ConfigError, match="Did you mean the shipped one, 'i3dbox::i3d_flow_ucf101'"
    ):
        Config.fromfile('i3d_flow_ucf101')


def test_checkpoints_alone_are_plain_i3ds_of_their_classes(tmp_path):
    path = str(tmp_path / 'a.ckpt')
    write_i3d_checkpoint(path, 'Flow', 7)
    spec = resolve(checkpoint=path)
    assert spec.streams == ('flow',) and spec.cfg.model.head.num_classes == 7


def test_an_exported_file_says_itself_what_it_is():
    spec = resolve('folder/best.onnx')
    assert (spec.name, spec.exported, spec.cfg) == ('best.onnx', 'folder/best.onnx', None)


@pytest.mark.parametrize(
    'arguments, error, message',
    [
        (dict(), ConfigError, 'name a model of the zoo'),
        (dict(model='a.onnx', checkpoint='a.ckpt'), ConfigError, 'a.onnx holds its weights'),
        (dict(model='i3d_kinetics400', checkpoint='a.ckpt'), ConfigError, 'has its own checkpoint'),
        (dict(model='a/b'), ConfigError, 'a/b: there is no such file'),
        (dict(model='a.ckpt'), ConfigError, 'goes with a config .*--checkpoint a.ckpt'),
        (dict(model='i3d_kinetics40'), CheckpointError, "Did you mean 'i3d_.*kinetics400"),
        (
            dict(model='i3d_kinetics600_scratch'),
            CheckpointError,
            "no 'i3d_flow_kinetics600_scratch'. Of that pair there is 'i3d_rgb_.*' alone",
        ),
        (dict(model=['i3d_rgb_kinetics400'] * 2), ConfigError, 'are of one stream'),
        (dict(model='i3d_kinetics400', stream='audio'), ConfigError, 'stream is one of'),
    ],
)
def test_what_does_not_go_together_is_told(arguments, error, message):
    with pytest.raises(error, match=message):
        resolve(**arguments)


def test_a_name_of_no_model_is_told_the_nearest_and_all_where_none_is_near():
    with pytest.raises(CheckpointError, match="'slowonly_r50_8x8_kinetics400'[?] .*--list") as near:
        resolve('slowonly_r50_8x8_kinetic400')
    assert 'It has' not in str(near.value)
    with pytest.raises(CheckpointError, match="no 'qqq'. It has: i3d_rgb_kinetics400, .*c3d_16x1"):
        resolve('qqq')


def test_of_a_pair_the_stream_at_hand_is_named(tmp_path):
    both = config(tmp_path, 'rgb', 'flow')
    with pytest.raises(
        ConfigError, match='takes a checkpoint of rgb and one of flow; there is rgb alone'
    ):
        resolve(config=both, checkpoint=dict(rgb='a.ckpt'), stream='joint')
    with pytest.raises(ConfigError, match='a config goes with a checkpoint'):
        resolve(config=both)


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """The zoo's RGB network, with made-up weights."""
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'cache').mkdir()
    write_i3d_checkpoint(tmp_path / 'cache/i3d_rgb_kinetics400.ckpt', 'RGB', 400)


def test_a_file_that_a_user_put_into_the_cache_has_the_classes_of_its_entry(cached):
    assert load_checkpoint('zoo://i3d_rgb_kinetics400')[2]['classes'] == class_names('kinetics400')
    path = cached_path('i3d_rgb_kinetics400')
    assert load_checkpoint(path)[2].get('classes') is None


def test_a_shipped_config_gives_weights_without_class_names_those_of_its_entry(tmp_path):
    kinetics = class_names('kinetics400')
    cfg = Config.fromfile(find_config('slowonly_r50_8x8_kinetics400'))
    nameless, named = (
        LoadReport('a.pth', [], [], [], [], meta=dict(classes=c)) for c in ([], 'ab')
    )
    assert classes_of([nameless], 400, cfg) == kinetics
    assert classes_of([nameless], 2, cfg) is None
    assert classes_of([named], 2, cfg) == ['a', 'b']
    (tmp_path / 'slowonly_r50_8x8_kinetics400.py').write_text(cfg.pretty_text)
    own = Config.fromfile(str(tmp_path / 'slowonly_r50_8x8_kinetics400.py'))
    assert classes_of([nameless], 400, own) is None


@pytest.mark.slow
def test_a_model_of_the_zoo_is_exported_by_its_name(cached, tmp_path, capsys):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    words = [
        '--model',
        'i3d_rgb_kinetics400',
        '--format',
        'ONNX',
        '--clip-len',
        '8',
        '--size',
        '32',
    ]
    assert main('export', [*words, '--verify']) == 0
    assert (tmp_path / 'i3d_rgb_kinetics400.onnx').is_file()
    assert 'verified: largest difference' in capsys.readouterr().out


@pytest.mark.parametrize('command', ['export', 'get_flops', 'benchmark_model'])
@pytest.mark.parametrize(
    'words, message',
    [
        ([], 'name a CONFIG, or a --model of the zoo'),
        (['i3d_rgb_ucf101', '--model', 'i3d_rgb_kinetics400'], 'name a CONFIG, or a --model'),
        (['--model', 'i3d_rgb_kinetics40'], "no 'i3d_rgb_kinetics40'. Did you mean"),
        (
            ['--model', 'i3d_rgb_kinetics400', '--cfg-options', 'a=1'],
            '--cfg-options go with a CONFIG',
        ),
    ],
)
def test_commands_take_a_config_or_a_name(command, words, message, capsys):
    assert main(command, words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_of_the_zoo_is_tested_by_its_name(cached, capsys):
    """Its 400 classes are not those of the config, so it comes as far as the weights."""
    groups = "{'train_groups': 2, 'test_groups': 1, 'clips_per_group': 1}"
    small = ['--cfg-options', f'data.test.generation={groups}']
    assert main('test', ['i3d_rgb_synthetic', '--model', 'i3d_rgb_kinetics400', *small]) == 1
    assert 'i3d_rgb_kinetics400 has 400 classes; the model has 8' in capsys.readouterr().err
    assert main('test', ['i3d_rgb_synthetic', 'a.ckpt', '--model', 'i3d_rgb_kinetics400']) == 1
    assert 'name one checkpoint' in capsys.readouterr().err
    assert main('test', ['i3d_rgb_synthetic', '--model', 'best.onnx']) == 1
    assert 'best.onnx is exported' in capsys.readouterr().err
