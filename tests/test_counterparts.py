"""What mmaction2's users write is refused with what to write here, or works."""

import argparse
import contextlib
import pathlib
import re

import pytest
import tiny

from i3dbox import registry
from i3dbox.analysis.counterparts_page import CHAPTERS, render
from i3dbox.apis.train import train
from i3dbox.commands import ALIASES, cli, summaries
from i3dbox.commands.arguments import load_config
from i3dbox.commands.parser import CommandParser
from i3dbox.commands.render_counterparts import BEGIN, END
from i3dbox.config import Config
from i3dbox.config.keys import KEYS, USUAL
from i3dbox.config_checks.checks import REQUIRED_TO_TRAIN, TABLES, check_config, check_dataset
from i3dbox.counterparts import COUNTERPARTS, counterpart
from i3dbox.datasets.pipelines import Compose
from i3dbox.engine.build import build_hooks
from i3dbox.engine.hooks.hook import Hook
from i3dbox.errors import ConfigError, DeviceError, ModelError, RegistryError
from i3dbox.inference.recognizer import init_recognizer
from i3dbox.models import build_recognizer
from i3dbox.registry import DATASETS, HEADS, HOOKS, PIPELINES, Registry, parameters_of

DOCS = pathlib.Path(__file__).parents[1] / 'docs'
REGISTRIES = [value for value in vars(registry).values() if isinstance(value, Registry)]


def names(kind):
    return sorted(COUNTERPARTS[kind])


def part_called(name):
    return next(parts.get(name) for parts in REGISTRIES if name in parts)


def hook_with(method):
    return type('TheirHook', (Hook,), {method: lambda self, runner: None})


def config(write, text):
    """The Config of a file with the required keys and these lines."""
    required = 'model = dict(a=1)\ndata = dict(batch_size=1)\nrunner = dict(CPU=dict(a=1))'
    return Config.fromfile(write(f'{required}\n{text}'))


@pytest.fixture
def write(tmp_path):
    def write(text, name='a.py'):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


# Everything in the table


@pytest.mark.parametrize('key', names('key'))
@pytest.mark.parametrize('value', ['None', 'dict(a=1)'])
def test_a_key_of_theirs_is_refused_with_ours(write, key, value):
    cfg = config(write, f'{key} = {value}')
    with pytest.raises(ConfigError, match=re.escape(f'{key!r}.{counterpart("key", key)}')):
        check_config(cfg)


@pytest.mark.parametrize('argument', names('argument'))
def test_an_argument_of_theirs_is_refused_with_ours(argument):
    part, _, name = argument.rpartition('.')
    table = None if part else next((t for t in ('data', 'evaluation') if name not in TABLES[t]), 0)
    with pytest.raises(ConfigError, match=re.escape(counterpart('argument', name, part))):
        if part:
            next(parts for parts in REGISTRIES if part in parts).build({'type': part, name: 1})
        elif table:
            check_config(Config({'model': 1, table: {name: 1}}), ('model',))


@pytest.mark.parametrize('part', names('part'))
def test_a_type_of_theirs_is_refused_with_ours(part):
    with pytest.raises(RegistryError, match=re.escape(counterpart('part', part))):
        PIPELINES.build(dict(type=part))


@pytest.mark.parametrize('method', names('method'))
def test_a_method_of_a_hook_that_nobody_calls_is_refused(method):
    with pytest.raises(ConfigError, match=re.escape(f'{method} is called by nobody.')) as error:
        build_hooks([dict(type=hook_with(method))])
    assert counterpart('method', method) in str(error.value)


@pytest.mark.parametrize('flag', names('flag'))
def test_an_option_of_theirs_is_refused_with_ours(flag, capsys):
    parser = CommandParser()
    parser.add_argument('--work-dir')
    with pytest.raises(SystemExit):
        parser.parse_args([f'{flag.replace("-", "_")[2:].join(["--", ""])}=1'])
    assert counterpart('flag', flag) in capsys.readouterr().err


@pytest.mark.parametrize('script', names('command'))
def test_a_script_of_theirs_is_refused_with_our_command(script, capsys):
    assert cli([script]) == 2
    assert counterpart('command', script) in capsys.readouterr().err


@pytest.mark.parametrize('name', names('import'))
def test_a_name_of_theirs_in_python_is_refused_with_ours(name):
    module, _, name = name.partition('.')
    with pytest.raises(ImportError, match=re.escape(counterpart('import', f'{module}.{name}'))):
        exec(f'from i3dbox.{module} import {name}')


# The table itself


def test_the_table_names_nothing_that_there_is():
    assert not set(COUNTERPARTS['key']) & {*KEYS, *USUAL}
    assert not [name for name in names('part') for parts in REGISTRIES if name in parts]
    assert not [name for name in names('method') if hasattr(Hook, name)]
    assert not set(COUNTERPARTS['command']) & {*summaries(), *ALIASES}
    for argument in names('argument'):
        part, _, name = argument.rpartition('.')
        assert not part or name not in parameters_of(part_called(part))[0], argument
        assert not any(name in known for known in TABLES.values()), argument


def test_what_the_table_says_to_write_is_there():
    texts = [text for kind in COUNTERPARTS.values() for text in kind.values()]
    types = {name for text in texts for name in re.findall(r"type='(\w+)'", text)}
    assert {'CheckpointHook', 'MultiStepLR', 'SGD', 'Ascend910Runner'} <= types
    for name in types - {'MyHook'}:
        part_called(name)
    commands = {*summaries(), *ALIASES}
    for text in texts:
        for command in re.findall(r'`?i3dbox (\w+)', text):
            assert command in commands, text
    for text in COUNTERPARTS['command'].values():
        assert text.startswith(('none', 'no ', 'bash', 'srun')) or text.split()[0].strip(',') in {
            *commands
        }
    for text in texts:
        for key in re.findall(r'^([a-z_]+)=', text):
            known = {*KEYS, *(name for table in TABLES.values() for name in table)}
            parts = {
                name for parts in REGISTRIES for p in parts.names() for name in _takes(parts, p)
            }
            assert key in known | parts, text


def _takes(parts, name):
    try:
        return parameters_of(parts.get(name))[0]
    except ValueError:
        return ()


def test_the_page_says_what_the_table_says():
    page = (DOCS / 'from_mmaction2.md').read_text(encoding='utf-8')
    assert page.split(BEGIN)[1].split(END)[0].strip() == render().strip(), (
        'run python tools/render_counterparts.py docs/from_mmaction2.md'
    )
    assert set(CHAPTERS) == set(COUNTERPARTS)


def test_the_config_that_was_carried_over_is_one():
    cfg = Config.fromfile(DOCS / 'examples/from_mmaction2.py')
    check_config(cfg, REQUIRED_TO_TRAIN, ('train', 'val', 'test'))
    for subset in ('train', 'val', 'test'):
        dataset = dict(cfg.data[subset])
        Compose(dataset.pop('pipeline'))
        assert set(dataset) - {'type'} <= set(parameters_of(DATASETS.get(dataset['type']))[0])


# Variables


def test_a_variable_that_the_config_refers_to_may_be_called_as_it_likes(write):
    cfg = config(
        write,
        'max_epochs = 5\nbase_lr = 0.1\nimg_norm = dict(a=1)\nsteps = [img_norm]\n'
        'total_epochs = max_epochs\nseed = steps and int(base_lr)\n_mine = 1',
    )
    check_config(cfg)


def test_variables_of_habit_may_stay(write):
    check_config(config(write, '\n'.join(f'{name} = dict(a=1)' for name in USUAL) + '\nb = 1\nb'))


def test_a_key_of_theirs_is_refused_though_the_config_refers_to_it(write):
    cfg = config(write, 'val_evaluator = dict(type=1)\nloss = val_evaluator')
    with pytest.raises(ConfigError, match="'val_evaluator'. It is mmaction2's; here: evaluation"):
        check_config(cfg)


@pytest.mark.parametrize('line', ['mine = 1', 'mine = dict(b=1)', "mine = 'a'"])
def test_a_key_that_nobody_reads_is_refused(write, line):
    cfg = config(write, f'{line}\nrate = 0.1\nseed = int(rate)')
    with pytest.raises(ConfigError, match="unknown key 'mine'. Nobody reads it: a variable is one"):
        check_config(cfg)


def test_a_key_beside_a_base_is_refused_too(write):
    write('model = dict(a=1)\ndata = dict()\nrunner = dict()', 'base.py')
    cfg = Config.fromfile(write("_base_ = 'base.py'\nmine = 1"))
    with pytest.raises(ConfigError, match="unknown key 'mine'"):
        check_config(cfg, ('model',))


def test_a_variable_of_a_base_that_the_child_refers_to_is_one(write):
    write('model = dict(a=1)\nmine = [dict(a=1)]', 'base.py')
    check_config(Config.fromfile(write("_base_ = 'base.py'\nhooks = {{_base_.mine}}")), ('model',))


def test_a_config_that_was_dumped_may_have_its_variables(write, tmp_path):
    cfg = config(
        write, 'rate = 3\nrest = [dict(b=1)]\nloss = dict(a=[dict(c=2), *rest])\nseed = rate'
    )
    cfg.dump(str(tmp_path / 'dump.py'))
    again = Config.fromfile(tmp_path / 'dump.py')
    check_config(again)
    assert again == cfg
    again['optim_wrapper'] = dict(c=1)
    with pytest.raises(ConfigError, match="unknown key 'optim_wrapper'"):
        check_config(again)


def test_a_hook_says_which_keys_it_reads(write):
    @HOOKS.register
    class ReadsAKey(Hook):
        config_keys = ('mine',)

    cfg = config(write, "rate = 1\nseed = rate\nhooks = [dict(type='ReadsAKey')]\nmine = dict(b=1)")
    check_config(cfg)
    cfg['hooks'] = []
    with pytest.raises(ConfigError, match="unknown key 'mine'"):
        check_config(cfg)


def test_data_root_is_a_variable_where_no_data_set_takes_it(write):
    path = write(
        "data_root = 'a/'\ndata = dict(train=dict(type='VideoDataset', ann_file=data_root))"
    )
    args = argparse.Namespace(config=path, cfg_options={})
    assert load_config(args).data.train == dict(type='VideoDataset', ann_file='a/')
    args.cfg_options = {'data_root': 'b/'}
    with pytest.raises(ConfigError, match='data_root is for data sets that have one, and none'):
        load_config(args)


# All at once


def test_all_keys_are_told_at_once(write):
    cfg = config(write, 'lr_config = 1\nworkflow = 1\nmine = dict(a=1)\nseed = int(1)\nx = 1\nx')
    with pytest.raises(ConfigError) as error:
        check_config(cfg)
    for key in ('lr_config', 'workflow', 'mine'):
        assert f'unknown key {key!r}.' in str(error.value)
    cfg = Config(dict(model=1, data=dict(videos_per_gpu=1, workers_per_gpu=2)))
    with pytest.raises(ConfigError, match="'videos_per_gpu'.* 'workers_per_gpu'"):
        check_config(cfg, ('model',))


def test_all_missing_keys_are_told_at_once_with_what_to_write():
    cfg = Config(dict(model=1, data=dict(train=1)))
    with pytest.raises(ConfigError, match="no 'runner' .*, no 'loss' .*; for instance runner=dict"):
        check_config(cfg, REQUIRED_TO_TRAIN)


def test_all_arguments_and_steps_are_told_at_once():
    head = dict(type='I3DHead', num_classes=3, spatial_type='avg', init_std=0.01)
    with pytest.raises(RegistryError, match="'spatial_type'.*'init_std'.*It takes: "):
        HEADS.build(head, in_channels=8)
    with pytest.raises(ConfigError, match='DecordInit.*DecordDecode.*crop_size'):
        Compose(
            [
                dict(type='DecordInit'),
                dict(type='DecordDecode'),
                dict(type='CenterCrop', crop_size=8),
            ]
        )


def test_all_options_are_told_at_once(capsys):
    with pytest.raises(SystemExit):
        CommandParser().parse_args(['--amp', '--deterministic'])
    said = capsys.readouterr().err
    assert '--amp: It is mmaction2' in said and '--deterministic: It is mmaction2' in said


# Others


def test_channels_that_a_backbone_does_not_give_are_refused():
    model = dict(
        type='Recognizer3D',
        backbone=dict(type='InceptionI3D'),
        head=dict(type='I3DHead', num_classes=3, in_channels=2048),
    )
    with pytest.raises(
        ModelError, match='head.in_channels is 2048, and the backbone gives 1024: l'
    ):
        build_recognizer(model)


def test_a_transform_of_mmcvs_is_told_how_it_is_called():
    step = type('Grey', (), {'transform': lambda self, results: results})()
    with pytest.raises(ConfigError, match='Grey has `transform.results.`; here a step is called: '):
        Compose([step])


@pytest.mark.parametrize(
    'dataset, message',
    [
        ([dict(type='VideoDataset')] * 2, 'several are joined by dict.type=.ConcatDataset'),
        (
            dict(type=type('Mine', (), {})),
            'Mine is no data set: it derives from i3dbox.datasets.base.Bas',
        ),
        (
            dict(type='RepeatDataset', times=2, dataset=dict(type='VideoDataset', video=1)),
            "'video'",
        ),
        (dict(type='TwoStreamDataset', rgb=dict(type='VideoDataset', rgb_=1), flow={}), "'rgb_'"),
    ],
    ids=str,
)
def test_a_data_set_that_is_none_is_told_before_anything_is_read(dataset, message):
    with pytest.raises(ConfigError, match=message):
        check_dataset(dataset)


@pytest.mark.parametrize('inner', [dict(dataset='x'), dict(dataset=1), dict(datasets=5)])
def test_what_stands_in_the_place_of_a_data_set_is_no_traceback(inner):
    with pytest.raises(ConfigError):
        DATASETS.build(dict(type='RepeatDataset', times=2, **inner))
    with contextlib.suppress(ConfigError):  # told where it is built, at the latest
        check_dataset(dict(type='RepeatDataset', times=2, **inner))


def test_an_import_of_mmactions_is_told_where_its_things_are(write, tmp_path):
    write('from mmaction.registry import TRANSFORMS', 'theirs.py')
    path = write("custom_imports = dict(imports=['theirs'])")
    with pytest.raises(
        ConfigError, match='What mmaction has is in i3dbox here: from i3dbox.registr'
    ):
        Config.fromfile(path)


def test_an_option_that_nearly_is_one_is_told(capsys):
    parser = CommandParser()
    parser.add_argument('--work-dir')
    for word in ('--work_dir', '--workdir', '--word-dir=a'):
        with pytest.raises(SystemExit):
            parser.parse_args([word])
        assert "Did you mean '--work-dir'?" in capsys.readouterr().err


def test_a_method_that_nearly_is_a_point_is_told():
    with pytest.raises(ConfigError, match="after_steps is called by nobody. Did you mean 'after_s"):
        build_hooks([dict(type=hook_with('after_steps'))])
    build_hooks([dict(type=hook_with('remember'))])


def test_a_runner_of_theirs_is_refused_with_ours():
    cfg = Config(dict(model=1, runner=dict(type='EpochBasedRunner', max_epochs=3)))
    with pytest.raises(ConfigError, match="one runner for each device. It is mmaction2's; here: r"):
        check_config(cfg, ('model',))


def test_their_names_of_registries_work_where_one_is_meant():
    from i3dbox.registry import TRANSFORMS

    assert TRANSFORMS is PIPELINES
    with pytest.raises(AttributeError, match="has no attribute 'NOTHING'"):
        registry.NOTHING  # noqa: B018
    with pytest.raises(RegistryError, match='head'):
        HEADS.get('TSNHead')


def test_all_that_is_wrong_with_a_ported_config_is_told_at_one_start(tmp_path):
    model = dict(
        type='Recognizer3D',
        backbone=dict(type='TinyBackbone', lateral=False),
        head=dict(type='I3DHead', num_classes=3, spatial_type='avg'),
    )
    cfg = Config.fromfile(
        tiny.write_config(
            tmp_path,
            model=model,
            hooks=[dict(type='EMAHook'), dict(type='LoggerHook', ignore_last=False)],
            schedule=dict(type='CosineLR', T_max=10),
            loss=dict(type='BCELossWithLogits'),
            optim_wrapper=dict(type='OptimWrapper'),
            accumulate='two',
        )
    )
    with pytest.raises(ConfigError) as error:
        train(cfg)
    said = str(error.value).splitlines()
    assert said[0].endswith('8 faults:') and len(said) == 9
    for name in (
        *('optim_wrapper', 'accumulate', 'lateral', 'spatial_type', 'ema_momentum', 'ignore_last'),
        *('T_max', 'BCEWithLogitsLoss'),
    ):
        assert sum(name in line for line in said) >= 1, name


@pytest.mark.parametrize('device', ['cuda:0', 'tpu'])
def test_a_device_that_is_none_is_told_in_python_too(device):
    with pytest.raises((ConfigError, DeviceError), match='GPU export|device is'):
        init_recognizer('i3d_rgb_kinetics400', device=device)


def test_mmaction2s_inferencer_is_named():
    with pytest.raises(ImportError, match='here: I3DInferencer'):
        from i3dbox.apis import MMAction2Inferencer  # noqa: F401
