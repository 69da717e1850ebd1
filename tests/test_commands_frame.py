"""The frame of the commands: shared arguments, errors as one line, and the list of commands."""

import argparse
import errno
import os
import pathlib
import subprocess
import sys
import types

import pytest

from i3dbox import shipped_files
from i3dbox.commands import ALIASES, GROUPS, cli, main, spelled, summaries
from i3dbox.commands.arguments import add_config_argument, add_device_arguments, load_config
from i3dbox.commands.cfg_options import parse_value
from i3dbox.config import Config
from i3dbox.config import shipped as shipped_configs
from i3dbox.errors import ConfigError, DamagedSampleError

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def command(monkeypatch):
    """Makes a command `fake` whose `run` is the given function."""

    def make(run):
        module = types.ModuleType('i3dbox.commands.fake', 'Do nothing.\n\nMore of it.')
        module.add_arguments = lambda parser: parser.add_argument('--size', type=int, default=0)
        module.run = run
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return make


def raises(error):
    def run(args):
        raise error

    return run


def run_tool(*words, cwd):
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=cwd, capture_output=True, text=True
    )


# main


def test_a_command_gets_its_arguments_and_its_status_is_returned(command):
    command(lambda args: args.size)
    assert main('fake', ['--size', '3']) == 3
    command(lambda args: None)
    assert main('fake', []) == 0


@pytest.mark.parametrize(
    'error, line',
    [
        (ConfigError('a.py: bad\nkey'), 'a.py: bad key'),
        (DamagedSampleError('v', 'a  b.avi', 'is empty'), 'a  b.avi: is empty'),
        (
            OSError(errno.EROFS, 'Read-only file system', '/a'),
            '/a: Read-only file system; name a place that can be written',
        ),
    ],
)
def test_an_error_of_the_users_is_one_line_and_status_1(command, capsys, error, line):
    command(raises(error))
    assert main('fake', []) == 1
    assert capsys.readouterr() == ('', f'i3dbox fake: error: {line}\n')


def test_debug_shows_the_traceback_as_well(command, capsys):
    command(raises(ConfigError('bad')))
    assert main('fake', ['--debug']) == 1
    text = capsys.readouterr().err
    assert 'Traceback' in text and text.endswith('i3dbox fake: error: bad\n')


def test_a_defect_of_the_program_keeps_its_traceback(command):
    command(raises(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main('fake', [])


def test_ctrl_c_ends_with_130_and_a_short_line(command, capsys):
    command(raises(KeyboardInterrupt()))
    assert main('fake', []) == 130
    assert capsys.readouterr().err == 'i3dbox fake: interrupted\n'


def test_wrong_arguments_end_with_2(command, capsys):
    command(lambda args: None)
    with pytest.raises(SystemExit) as caught:
        main('fake', ['--sise', '3'])
    assert caught.value.code == 2


def test_help_tells_the_first_paragraph_of_the_docstring(command, capsys):
    command(lambda args: None)
    with pytest.raises(SystemExit):
        main('fake', ['--help'], prog='i3dbox fake')
    text = capsys.readouterr().out
    assert 'usage: i3dbox fake' in text and 'Do nothing.' in text and 'More of it' not in text


# cli


@pytest.mark.parametrize('argv', [[], ['--help'], ['-h']])
def test_cli_lists_the_commands(capsys, argv):
    assert cli(argv) == 0
    text = capsys.readouterr().out
    assert 'print_config' in text and summaries()['collect_env'] in text
    assert 'arguments' not in summaries()


def test_the_list_survives_a_reader_that_leaves():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, '-c', 'import sys; from i3dbox.commands import cli; sys.exit(cli([]))'],
        cwd=ROOT,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, '')


def test_every_command_has_a_one_line_summary():
    assert all(summary.endswith('.') for summary in summaries().values())


def test_cli_suggests_the_nearest_command(capsys):
    assert cli(['print_confg']) == 2
    assert "no command 'print_confg'. Did you mean 'print_config'" in capsys.readouterr().err


def test_short_names_run_their_commands_and_are_listed_beside_them(capsys, tmp_path):
    path = tmp_path / 'a.py'
    path.write_text('x = 1')
    assert cli(['config', str(path)]) == 0 and cli(['--help']) == 0
    text = capsys.readouterr().out
    assert text.startswith('x = 1\n') and '  config, print_config ' in text
    with pytest.raises(SystemExit):
        cli(['download', '--help'])
    assert 'usage: i3dbox download' in capsys.readouterr().out
    assert cli(['config', 'nowhere.py']) == 1
    assert capsys.readouterr().err.startswith('i3dbox config: error: config ')


def test_short_names_hide_no_command_and_help_lists_each_command_once(capsys):
    assert not set(ALIASES) & set(summaries()) and len(set(ALIASES.values())) == len(ALIASES)
    grouped = [name for group in GROUPS.values() for name in group]
    assert len(set(grouped)) == len(grouped)
    cli([])
    listed = [
        line.split('  ')[1].split(', ')[-1]
        for line in capsys.readouterr().out.splitlines()
        if line[:1] == ' '
    ]
    makers_of_pages = {name for name in summaries() if name.startswith('render_')}
    assert sorted(listed) == sorted(set(summaries()) - makers_of_pages)


def test_a_short_name_is_suggested_too(capsys):
    assert cli(['downlod']) == 2
    assert "Did you mean 'download'" in capsys.readouterr().err


@pytest.mark.parametrize(
    'started, name, expected',
    [
        ('/env/bin/i3dbox', 'demo', 'i3dbox demo'),
        ('/env/bin/i3dbox', 'download_checkpoint', 'i3dbox download'),
        ('tools/train.py', 'demo', 'python tools/demo.py'),
        ('my box/tools/test.py', 'demo', "python 'my box/tools/demo.py'"),
        ('/env/lib/pytest/__main__.py', 'demo', 'i3dbox demo'),
    ],
)
def test_another_command_is_spelled_as_this_one_was(monkeypatch, started, name, expected):
    monkeypatch.setattr(sys, 'argv', [started, 'x'])
    assert spelled(name) == expected


def test_cli_runs_a_command(capsys, tmp_path):
    path = tmp_path / 'a.py'
    path.write_text('x = dict(y=1)')
    assert cli(['print_config', str(path), '--cfg-options', 'x.y=2']) == 0
    assert capsys.readouterr().out == 'x = dict(y=2)\n'


def test_listing_the_commands_imports_nothing_heavy():
    code = (
        'import sys; from i3dbox.commands import cli; cli([]);'
        'heavy = {"mindspore", "cv2", "numpy", "yapf"} & set(sys.modules); assert not heavy, heavy'
    )
    assert run_tool('-c', code, cwd=ROOT).returncode == 0


# Shared arguments


def parse(*words):
    parser = argparse.ArgumentParser()
    add_config_argument(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    'text, value',
    [
        ('3', 3),
        ('-1e-3', -1e-3),
        ('None', None),
        ('True', True),
        ('false', False),
        ("'3'", '3'),
        ('(1, 2)', (1, 2)),
        ('[1,2]', [1, 2]),
        ("{'a': 1}", {'a': 1}),
        ('[dict]', ['dict']),
        ('[]', []),
        ('"a,b"', 'a,b'),
        ('()', ()),
        ('adam', 'adam'),
        ('a/b c.avi', 'a/b c.avi'),
        ('a=b', 'a=b'),
        ('', ''),
        ('007', '007'),
        ('a,b,c', ['a', 'b', 'c']),
        ('1,2', [1, 2]),
        ('[a,1.5]', ['a', 1.5]),
        ('(a,b)', ('a', 'b')),
        ('a,', ['a']),
        ('[(a,1),[None,b]]', [('a', 1), [None, 'b']]),
        ('(1,2),(a,b)', [(1, 2), ('a', 'b')]),
        ('(a)', '(a)'),
        ('f(1,2).avi', 'f(1,2).avi'),
        (':),x', ':),x'),
        ("it's,x", "it's,x"),
        ('[a] [b]', '[a] [b]'),
    ],
)
def test_a_value_on_the_command_line_is_a_python_literal_a_list_or_a_string(text, value):
    assert parse_value(text) == value and type(parse_value(text)) is type(value)


def test_cfg_options_are_collected_into_one_dict():
    args = parse('c.py', '--cfg-options', 'a.b=1', 'c=x=y', '--cfg-options', 'd=[e]')
    assert args.cfg_options == {'a.b': 1, 'c': 'x=y', 'd': ['e']}
    assert parse('c.py').cfg_options == {}


@pytest.mark.parametrize('word', ['novalue', '=3'])
def test_a_word_that_is_no_key_and_value_is_refused(word, capsys):
    with pytest.raises(SystemExit):
        parse('c.py', '--cfg-options', word)
    assert f"expected KEY=VALUE, got '{word}'" in capsys.readouterr().err


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Lets `tmp_path/configs` be the shipped configs, seen from another folder."""
    folder, elsewhere = tmp_path / 'configs', tmp_path / 'elsewhere'
    folder.mkdir()
    elsewhere.mkdir()
    (folder / 'i3d_rgb.py').write_text('x = 1')
    monkeypatch.setattr(shipped_configs, 'configs_folder', lambda: str(folder))
    monkeypatch.chdir(elsewhere)
    return folder


@pytest.mark.parametrize('name', ['i3d_rgb', 'i3d_rgb.py', 'configs/i3d_rgb', 'configs/i3d_rgb.py'])
def test_a_shipped_config_is_found_by_name(shipped, name):
    cfg = load_config(parse(name, '--cfg-options', 'y=2'))
    assert dict(cfg) == dict(x=1, y=2) and cfg.filename == str(shipped / 'i3d_rgb.py')


def test_a_config_of_the_users_builds_on_a_shipped_one_from_any_folder(shipped):
    pathlib.Path('mine.py').write_text("_base_ = 'i3dbox::i3d_rgb.py'\ny = 3")
    assert dict(load_config(parse('mine.py'))) == dict(x=1, y=3)
    assert (
        Config.fromfile('i3dbox::i3d_rgb.py').x == load_config(parse('i3dbox::i3d_rgb.py')).x == 1
    )


def test_a_shipped_base_that_is_not_there_is_reported_with_its_near_spelling(shipped):
    pathlib.Path('mine.py').write_text("_base_ = 'i3dbox::i3d_rbg.py'")
    with pytest.raises(
        ConfigError,
        match="line 1: the base 'i3dbox::i3d_rbg.py' .* does not exist. Did you mean 'i3d_rgb.py'",
    ):
        load_config(parse('mine.py'))


def test_one_option_points_all_data_sets_at_a_folder():
    for name in ('i3d_rgb_ucf101', 'two_stream_hmdb51'):
        cfg = load_config(
            parse(str(ROOT / f'configs/{name}.py'), '--cfg-options', 'data_root=/else/where')
        )
        test = cfg.data.test
        roots = [
            cfg.data.train.data_root,
            cfg.data.val.data_root,
            *(part.data_root for part in ([test.rgb, test.flow] if 'rgb' in test else [test])),
        ]
        assert set(roots) == {'/else/where'}


def test_a_file_of_the_users_comes_before_a_shipped_config(shipped):
    pathlib.Path('i3d_rgb.py').write_text('x = 5')
    assert load_config(parse('i3d_rgb.py')).x == 5


@pytest.mark.parametrize(
    'name, message',
    [
        (
            'configs/i3d_rbg.py',
            "config 'configs/i3d_rbg.py' is neither a file nor shipped.* mean 'i3d_rgb'",
        ),
        ('nothing/alike.py', 'there is no folder'),
        ('/nothing/alike.py', 'there is no folder'),
        ('.', 'is a folder'),
    ],
)
def test_a_config_that_is_nowhere_is_reported(shipped, name, message):
    with pytest.raises(ConfigError, match=message):
        load_config(parse(name))


def test_the_shipped_configs_are_those_of_the_checkout_unless_the_package_holds_them(
    monkeypatch, tmp_path
):
    assert shipped_configs.configs_folder() == str(ROOT / 'configs')
    (tmp_path / 'i3dbox' / 'configs').mkdir(parents=True)
    monkeypatch.setattr(shipped_files, '_PACKAGE', str(tmp_path / 'i3dbox'))
    assert shipped_configs.configs_folder() == str(tmp_path / 'i3dbox' / 'configs')


# The tools


def test_print_config_works_from_any_folder_and_its_text_is_the_same_config(tmp_path):
    (tmp_path / 'base.py').write_text("model = dict(type='A', head=dict(classes=51))")
    (tmp_path / 'a.py').write_text("_base_ = 'base.py'\nseed = 1")
    done = run_tool(
        ROOT / 'tools' / 'print_config.py',
        'a.py',
        '--cfg-options',
        'model.head.classes=4',
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / 'printed.py').write_text(done.stdout)
    assert Config.fromfile(str(tmp_path / 'printed.py')) == Config(
        dict(model=dict(type='A', head=dict(classes=4)), seed=1)
    )


def test_print_config_reports_an_error_in_one_line(tmp_path):
    (tmp_path / 'a.py').write_text('x = 1\ny = z')
    done = run_tool(ROOT / 'tools' / 'print_config.py', 'a.py', cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, '')
    assert done.stderr == (
        f'i3dbox print_config: error: {tmp_path / "a.py"}, line 2: '
        "NameError: name 'z' is not defined\n"
    )


def test_print_config_survives_a_reader_that_leaves(tmp_path):
    (tmp_path / 'a.py').write_text("x = 'a'")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'print_config.py'), 'a.py'],
        cwd=tmp_path,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, '')


def test_collect_env_names_what_matters(capsys, monkeypatch):
    from i3dbox.commands import collect_env

    versions = {'mindspore': None, 'cv2': None, 'av': None}
    monkeypatch.setattr(collect_env, '_import', lambda name: (versions[name], '2.9.0'))
    assert main('collect_env', []) == 0
    text = capsys.readouterr().out
    for word in (
        'i3dbox',
        'Python',
        'CPU',
        'Memory',
        'MindSpore',
        'Ascend',
        'OpenCV',
        'numpy',
        'yapf',
    ):
        assert word in text
    assert (
        'Warning: MindSpore 2.9.0 computes convolutions on the CPU about 100 times slower' in text
    )


def test_collect_env_reports_a_broken_package_instead_of_failing():
    from i3dbox.commands.collect_env import _import

    assert _import('no_such_package') == (
        None,
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_package'",
    )


def test_a_guide_is_shown_by_its_name_in_the_systems_language(monkeypatch, capsys):
    assert main('docs', []) == 0
    listed = capsys.readouterr().out
    assert {line.split()[0] for line in listed.splitlines()} == {
        path.stem for path in (ROOT / 'docs').glob('*.md')
    }
    assert main('docs', ['demo.md']) == 0
    english = capsys.readouterr().out
    assert english == (ROOT / 'docs/demo.md').read_text(encoding='utf-8')
    assert main('docs', ['dmeo']) == 1
    assert "there is no guide 'dmeo'. Did you mean 'demo'?" in capsys.readouterr().err
    monkeypatch.setenv('LC_ALL', 'zh_CN.UTF-8')
    assert main('docs', ['demo']) == 0
    chinese = (ROOT / 'docs/zh/demo.md').read_text(encoding='utf-8')
    link = '[English](../demo.md)\n\n'
    assert link in chinese and capsys.readouterr().out == chinese.replace(link, '')
    assert main('docs', []) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed if line.endswith(' (英文)')] == ['parts']


@pytest.mark.parametrize(
    ('language', 'path'), [('en', 'docs/tutorial.ipynb'), ('zh', 'docs/zh/tutorial.ipynb')]
)
def test_the_tutorial_is_said_to_be_a_notebook(language, path, capsys):
    assert main('docs', ['tutorial', '--lang', language]) == 0
    assert f'a notebook, {path} of a checkout' in capsys.readouterr().out
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    ('word', 'device'), [('cpu', 'CPU'), ('npu', 'Ascend'), ('ASCEND', 'Ascend')]
)
def test_a_device_may_be_spelled_as_elsewhere(word, device):
    parser = argparse.ArgumentParser()
    add_device_arguments(parser)
    assert parser.parse_args(['--device', word]).device == device


@pytest.mark.parametrize('word', ['GPU', 'cuda:0'])
def test_who_asks_for_a_gpu_hears_what_to_do(word, capsys):
    with pytest.raises(SystemExit):
        main('demo', ['a.mp4', '--device', word])
    assert 'export the model (i3dbox export --format ONNX)' in capsys.readouterr().err


@pytest.mark.parametrize(
    'load_from, message',
    [
        ('nowhere.ckpt', 'nowhere.ckpt does not exist'),
        ('zoo://i3d_rgb_kinetics40', "no 'i3d_rgb_kinetics40'. Did you mean 'i3d_rgb_kinetics400'"),
    ],
)
def test_a_start_that_is_not_there_is_told_before_data_is_made(
    load_from, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path))
    where = ['--work-dir', str(tmp_path / 'run')]
    assert main('train', ['i3d_rgb_synthetic', '--load-from', load_from, *where]) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []  # no SyntheticActions
