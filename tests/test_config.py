"""Config: files, bases, variables, overrides, dumps and their errors."""

import collections
import copy
import multiprocessing
import pathlib
import pickle
import re
import subprocess
import sys
import textwrap

import pytest

from i3dbox.config.config import Config, ConfigDict
from i3dbox.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    """Writes files into the test's folder; returns the path of the last one."""

    def write_files(**files):
        for name, text in files.items():
            path = tmp_path / f'{name}.py'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding='utf-8')
        return str(path)

    return write_files


@pytest.fixture
def clean_imports(monkeypatch):
    """Leaves sys.path and the imported modules as they were."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, 'path', list(sys.path))
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def error_of(path, overrides=None):
    with pytest.raises(ConfigError) as caught:
        Config.fromfile(path, overrides)
    return str(caught.value)


# What a config file says


def test_top_level_names_are_values_except_modules_functions_classes_and_private_names(write):
    cfg = Config.fromfile(
        write(
            a="""
        import os
        from collections import OrderedDict
        _size = 224
        def double(x): return 2 * x
        triple = lambda x: 3 * x
        size = double(_size)
        model = dict(type='Recognizer3D', sizes=[_size, (1, dict(b=2))])
    """
        )
    )
    assert dict(cfg) == {
        'size': 448,
        'model': {'type': 'Recognizer3D', 'sizes': [224, (1, {'b': 2})]},
    }


def test_values_are_reached_as_items_and_as_attributes(write):
    path = write(a='model = dict(backbone=dict(depth=3), heads=[dict(classes=51)])')
    cfg = Config.fromfile(path)
    assert cfg.model.backbone.depth == cfg['model']['backbone']['depth'] == 3
    assert cfg.model.heads[0].classes == 51
    assert cfg.get('optimizer') is None and cfg.get('optimizer', 1) == 1 and 'optimizer' not in cfg
    assert not hasattr(cfg, 'optimizer') and not hasattr(cfg.model, 'neck')
    assert cfg.filename == path
    cfg.work_dir = 'x'
    cfg.model.neck = dict(depth=1)
    assert cfg['work_dir'] == 'x' and cfg.model.neck.depth == 1


@pytest.mark.parametrize('kind', [KeyError, AttributeError, ConfigError])
def test_a_missing_key_is_an_error_with_the_nearest_spelling(kind):
    cfg = Config(dict(model=dict(backbone=1)))
    with pytest.raises(kind, match="no key 'bakbone' here. Did you mean 'backbone'"):
        cfg.model.bakbone
    with pytest.raises(kind, match="Did you mean 'model'"):
        cfg['modle']


# Bases


def test_bases_merge_dict_by_dict_and_lists_and_scalars_replace(write):
    cfg = Config.fromfile(
        write(
            **{'deeper/log': "log = dict(interval=10, level='info')\nseed = 0"},
            model="model = dict(backbone=dict(type='A', depth=3), taps=[1, 2], head=dict(p=1))",
            runtime="_base_ = 'deeper/log.py'\nseed = 1",
            child="""
            _base_ = ['model.py', './runtime.py']
            model = dict(backbone=dict(depth=5), taps=[3], head=None)
            log = dict(interval=20)
        """,
        )
    )
    assert dict(cfg) == dict(
        model=dict(backbone=dict(type='A', depth=5), taps=[3], head=None),
        log=dict(interval=20, level='info'),
        seed=1,
    )


def test_numbers_in_a_dict_are_places_in_the_list_of_the_base(write):
    base = 'steps = [dict(type="A", n=1), dict(type="B"), "c"]\nlr = (1, 2)\nseed = [steps, lr]'
    above = "_base_ = 'base.py'\nsteps = {0: dict(n=2), -1: 'd'}\nlr = {1: 3}\nseed = [steps, lr]"
    cfg = Config.fromfile(write(base=base, a=above))
    assert cfg.steps == [dict(type='A', n=2), dict(type='B'), 'd'] and cfg.lr == (1, 3)
    assert 'a list of 2, which has no entry 3' in error_of(
        write(base=base, b="_base_ = 'base.py'\nlr = {3: 1}")
    )


def test_delete_replaces_the_dict_of_the_base(write):
    cfg = Config.fromfile(
        write(
            base="optimizer = dict(type='SGD', momentum=0.9)",
            child="""
            _base_ = 'base.py'
            optimizer = dict(_delete_=True, type='Adam', sub=dict(_delete_=True, a=1))
        """,
        )
    )
    assert cfg.optimizer == dict(type='Adam', sub=dict(a=1))


def test_two_bases_may_not_define_the_same_key(write):
    path = write(a='seed = 1', b='seed = 2', child="x = 1\n_base_ = ['a.py', 'b.py']")
    assert error_of(path) == f"{path}, line 2: the bases 'a.py' and 'b.py' both define 'seed'"


def test_a_circle_of_bases_is_printed(write, tmp_path):
    path = write(a="_base_ = './b.py'", b="\n_base_ = 'a.py'")
    a = str(tmp_path / 'a.py')
    assert error_of(a) == f'{path}, line 2: bases go round in a circle: {a} -> {path} -> {a}'


def test_a_missing_base_names_the_file_and_line_that_ask_for_it(write):
    path = write(model='x = 1', child="a = 1\n\n_base_ = 'modle.py'")
    assert re.match(
        re.escape(f"{path}, line 3: the base 'modle.py' (") + r'.* does not exist. '
        "Did you mean 'model.py'",
        error_of(path),
    )


def test_a_base_that_is_computed_is_refused(write):
    path = write(a="x = 'b'\n_base_ = x + '.py'")
    assert error_of(path) == f'{path}, line 2: _base_ is a string or a list of strings, written out'


# Variables


def test_predefined_variables_stand_for_parts_of_the_path(write, tmp_path):
    cfg = Config.fromfile(
        write(
            **{
                "it's": '''
        """A docstring may speak of {{_base_.nothing}}."""
        work_dir = './work_dirs/{{ fileBasenameNoExtension }}'
        folder = {{fileDirname}}
        name = f'{{fileBasename}}-{1 + 1}-{{{2}}}'
        extension = '{{fileExtname}}'
        untouched = '{{other}}'
    '''
            }
        )
    )
    assert dict(cfg) == dict(
        work_dir="./work_dirs/it's",
        folder=str(tmp_path),
        name="it's.py-2-{2}",
        extension='.py',
        untouched='{{other}}',
    )


def test_values_of_a_base_can_be_referred_to(write):
    cfg = Config.fromfile(
        write(
            base="model = dict(head=dict(classes=51))\nsteps = [dict(type='A'), "
            "dict(type='B')]\nname = 'i3d'",
            child="""
            _base_ = 'base.py'
            classes = {{_base_.model.head.classes}} + 1
            head = {{ _base_.model.head }}
            head['classes'] = 7
            last = '{{_base_.steps.1}}'
            work_dir = 'work_dirs/{{_base_.name}}_{{_base_.model.head.classes}}'
        """,
        )
    )
    assert (cfg.classes, cfg.last, cfg.work_dir) == (52, dict(type='B'), 'work_dirs/i3d_51')
    assert cfg.head.classes == 7 and cfg.model.head.classes == 51


def test_a_reference_that_no_base_has_names_file_and_line(write):
    path = write(
        base='model = dict(head=1)', child="_base_ = 'base.py'\n\nx = {{_base_.model.haed}}"
    )
    assert error_of(path) == (
        f'{path}, line 3: no base has a value for {{{{_base_.model.haed}}}}: '
        "there is no 'haed'. Did you mean 'head'?"
    )


def test_using_a_base_value_as_a_variable_is_explained(write):
    path = write(base='norm = 1', child="_base_ = 'base.py'\nx = norm")
    assert 'line 2: NameError' in error_of(path) and '{{_base_.norm}}' in error_of(path)


# Errors of files


def test_a_syntax_error_names_file_and_line(write):
    path = write(a='x = 1\ny = = 2\nz = 3')
    assert error_of(path).startswith(f'{path}, line 2: ')


def test_an_exception_names_the_line_of_the_config_and_the_reason(write):
    path = write(base='def f(x):\n    return 1 / x\n\ny = f(0)', child="_base_ = 'base.py'")
    assert (
        error_of(path)
        == f'{path.replace("child", "base")}, line 2: ZeroDivisionError: division by zero'
    )


def test_a_missing_file_is_reported_with_the_nearest_name(write, tmp_path):
    path = write(i3d_rgb_ucf101='x = 1')
    assert "Did you mean 'i3d_rgb_ucf101.py'" in error_of(path.replace('rgb', 'rbg'))
    assert 'there is no folder' in error_of(str(tmp_path / 'nowhere' / 'a.py'))
    assert 'is a folder' in error_of(str(tmp_path))


def test_only_python_files_are_configs(tmp_path):
    (tmp_path / 'a.yaml').write_text('x: 1')
    assert 'is not a Python file (.py)' in error_of(str(tmp_path / 'a.yaml'))


def test_a_key_that_would_hide_a_method_is_refused(write):
    assert "the key 'dump' is taken by Config.dump" in error_of(write(a='dump = 1'))
    assert "the key 'items' is taken" in error_of(write(a='x = 1'), {'items': 1})


# Overrides


def test_overrides_reach_into_dicts_and_lists(write):
    path = write(
        a="""
        pipeline = [dict(type='A'), dict(type='B')]
        model = dict(head=dict(a=1, b=2))
        betas = (1, 2)
    """
    )
    cfg = Config.fromfile(
        path,
        {
            'pipeline.1.type': 'C',
            'pipeline.0': dict(x=1),
            'model.head': dict(b=3),
            'model.neck.depth': 5,
            'new': 1,
            'betas.-1': 9,
        },
    )
    assert dict(cfg) == dict(
        pipeline=[dict(type='A', x=1), dict(type='C')],
        new=1,
        betas=(1, 9),
        model=dict(head=dict(a=1, b=3), neck=dict(depth=5)),
    )
    cfg.merge_from_dict({'model.head': dict(_delete_=True, c=1)})
    assert cfg.model.head == dict(c=1)


@pytest.mark.parametrize(
    'key, message',
    [
        (
            'steps.2.a',
            "override 'steps.2.a': steps is a list with entries 0 to 1; it has no entry '2'",
        ),
        ('steps.a', "steps is a list with entries 0 to 1; it has no entry 'a'"),
        ('empty.0', "empty is a list without entries; it has no entry '0'"),
        ('model.depth.x', "model.depth is 3, which has no key 'x'"),
        ('model.none.x', "model.none is None, which has no key 'x'"),
        ('model..x', 'names and numbers joined by single dots'),
        ('', 'names and numbers joined by single dots'),
    ],
)
def test_an_override_that_leads_nowhere_names_the_key(write, key, message):
    path = write(a='steps = [1, dict(a=1)]\nmodel = dict(depth=3, none=None)\nempty = []')
    assert message in error_of(path, {key: 1})


def test_an_override_of_one_use_of_a_shared_dict_leaves_the_others(write):
    path = write(a='norm = dict(mean=1)\ntrain = [norm, norm]\ntest = norm')
    cfg = Config.fromfile(path, {'train.0.mean': 2})
    assert (cfg.norm.mean, cfg.train[0].mean, cfg.train[1].mean, cfg.test.mean) == (1, 2, 1, 1)


def test_an_override_of_a_variable_that_was_copied_names_the_copies(write):
    path = write(
        a='steps = [dict(n=1)]\ndata = dict(train=dict(p=steps), val=dict(p=steps))\nown = [2]'
    )
    with pytest.raises(ConfigError, match=r'override data.train.p.0.n and data.val.p.0.n$'):
        Config.fromfile(path, {'steps.0.n': 2})
    assert Config.fromfile(path, {'own.0': 3, 'data.val.p.0.n': 4}).own == [3]


@pytest.mark.parametrize(
    'text',
    [
        'v = 8\ndata = dict(n=v)',
        'v = [1]\ndata = dict(n=v + [2])',
        'v = dict(a=1)\ndata = dict(v, b=2)',
        'v = dict(a=1)\ndata = dict(n=v["a"])',
        "v = 'x'\ndata = dict(n=f'{v}/y')",
    ],
)
def test_an_override_of_a_variable_that_went_into_something_is_refused(write, text):
    path = write(a=text)
    with pytest.raises(ConfigError, match='override the keys that it went into'):
        Config.fromfile(path, {'v': 3})
    child = write(b="_base_ = 'a.py'\nseed = 1")
    with pytest.raises(ConfigError, match='override the keys that it went into'):
        Config.fromfile(child, {'v': 3})


def test_an_override_of_what_a_child_takes_from_its_base_is_refused(write):
    write(a='v = dict(a=[1])')
    path = write(b="_base_ = 'a.py'\nmodel = {{_base_.v.a}}")
    with pytest.raises(ConfigError, match='v is a variable of .*b.py'):
        Config.fromfile(path, {'v.a': [2]})
    assert Config.fromfile(path, {'model': [2], 'w': 1}).model == [2]


# Unknown keys


def test_only_a_near_miss_of_a_known_key_is_refused():
    allowed = {'optimizer': 'how weights change', 'model': '', 'train_pipeline': ''}
    Config(dict(model=1, img_norm=1, val_pipeline=1)).check_keys(allowed)
    with pytest.raises(ConfigError, match="unknown key 'optimizers'. Did you mean 'optimizer'"):
        Config(dict(optimizer=1, optimizers=1)).check_keys(allowed)  # as an override adds it
    with pytest.raises(
        ConfigError, match="a.py: unknown key 'optimiser'. Did you mean 'optimizer'"
    ):
        Config(dict(optimiser=1), 'a.py').check_keys(allowed)


# Copies and dumps

Pair = collections.namedtuple('Pair', 'a b')
VALUES = dict(
    model=dict(type='A', taps=(1,), empty=[], pair=('x', "it's"), none=None, on=True),
    lrs={0: 1e-3, 'a-b': -1, 'class': float('inf')},
    note='line\n"é"',
    big=[dict(x=i) for i in range(40)],
)


@pytest.mark.parametrize(
    'clone', [copy.deepcopy, copy.copy, lambda cfg: pickle.loads(pickle.dumps(cfg))]
)
def test_a_config_can_be_copied_and_pickled(clone):
    cfg = Config(VALUES, 'a.py')
    other = clone(cfg)
    assert other == cfg and other.filename == 'a.py' and isinstance(other.big[0], ConfigDict)
    other.model.type = 'B'
    assert cfg.model.type == 'A'


def test_a_dump_reads_back_as_the_same_config(tmp_path):
    cfg = Config(VALUES)
    cfg.dump(tmp_path / 'deep' / 'dump.py')
    again = Config.fromfile(str(tmp_path / 'deep' / 'dump.py'))
    assert again == cfg and again.pretty_text == cfg.pretty_text
    assert "model = dict(type='A'," in cfg.pretty_text
    assert max(map(len, cfg.pretty_text.splitlines())) <= 100


@pytest.mark.parametrize(
    'value, message',
    [
        (Pair(1, 2), "key 'model.parts.1'"),
        (object(), "key 'model.parts.1'"),
        (lambda x: x, "key 'model.parts.1'"),
        (ConfigDict, "name it by its path, 'i3dbox.config.config.ConfigDict'"),
    ],
)
def test_a_value_that_no_file_can_hold_names_its_key(tmp_path, value, message):
    cfg = Config(dict(model=dict(parts=[0, value])))
    with pytest.raises(ConfigError, match=re.escape(message)):
        cfg.dump(tmp_path / 'dump.py')
    assert not list(tmp_path.iterdir())


def test_a_key_that_would_be_lost_in_a_dump_is_refused():
    for key in ('_hidden', 'a-b', 'class'):
        with pytest.raises(ConfigError, match=f"key '{key}'"):
            Config({key: 1}).pretty_text


# Custom imports


def test_custom_imports_are_found_beside_the_config_and_by_a_dump_elsewhere(
    write, tmp_path, clean_imports
):
    cfg = Config.fromfile(
        write(
            beside_config='value = 1',
            base="custom_imports = dict(imports=['beside_config'], allow_failed_imports=False)",
            **{'sub/child': "_base_ = '../base.py'"},
        )
    )
    assert sys.modules['beside_config'].value == 1
    assert cfg.custom_imports.dirs == [str(tmp_path)]
    cfg.dump(tmp_path / 'elsewhere' / 'dump.py')
    code = f"""if 1:
        import pickle, sys
        from i3dbox.config import Config
        cfg = Config.fromfile({str(tmp_path / 'elsewhere' / 'dump.py')!r})
        assert 'beside_config' in sys.modules
        assert cfg == pickle.loads({pickle.dumps(cfg)!r})"""
    subprocess.run([sys.executable, '-c', code], check=True, cwd=pathlib.Path(__file__).parents[1])


def test_custom_imports_are_found_in_the_working_directory_which_is_then_recorded(
    write, tmp_path, clean_imports, monkeypatch
):
    path = write(in_cwd='', **{'configs/a': "custom_imports = dict(imports='in_cwd')"})
    monkeypatch.chdir(tmp_path)
    assert Config.fromfile(path).custom_imports.dirs == [str(tmp_path / 'configs'), str(tmp_path)]
    assert 'in_cwd' in sys.modules


def test_custom_imports_are_found_in_named_folders_relative_to_the_config(
    write, tmp_path, clean_imports
):
    text = "custom_imports = dict(imports='named', dirs='../parts')"
    path = write(**{'parts/named': '', 'configs/a': text})
    assert Config.fromfile(path).custom_imports.dirs == [str(tmp_path / 'parts')]
    assert 'named' in sys.modules


def test_worker_processes_unpickle_classes_of_custom_imports(write, clean_imports):
    Config.fromfile(
        write(
            user_parts="""
        class Part:
            pass
    """,
            a="custom_imports = dict(imports=['user_parts'])",
        )
    )
    part = sys.modules['user_parts'].Part()
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        assert pool.apply(isinstance, (part, object))


def test_a_failing_custom_import_names_module_config_and_reason(write, clean_imports):
    path = write(broken='x = 1\n1 / 0', a="custom_imports = dict(imports=['broken'])")
    message = error_of(path)
    assert (
        f"{path}: custom import 'broken' failed: ZeroDivisionError" in message
        and 'looked for' not in message
    )
    assert 'broken.py, line 2' in message
    message = error_of(write(a="custom_imports = dict(imports=['not_there'])"))
    assert (
        "custom import 'not_there' failed: ModuleNotFoundError" in message
        and 'It was looked for in' in message
    )
    message = error_of(
        write(needy='import not_there_either', a="custom_imports = dict(imports=['needy'])")
    )
    assert "No module named 'not_there_either' (" in message and 'looked for' not in message


def test_a_failing_custom_import_may_be_allowed_where_the_module_is_absent(write, clean_imports):
    text = "custom_imports = dict(imports=['{}'], allow_failed_imports=True)"
    with pytest.warns(UserWarning, match='not_there'):
        Config.fromfile(write(a=text.format('not_there')))
    assert 'ZeroDivisionError' in error_of(write(broken='1 / 0', a=text.format('broken')))


def test_a_custom_import_hidden_by_another_module_is_warned_of(write, tmp_path, clean_imports):
    first = write(**{'one/same_name': '', 'one/a': "custom_imports = dict(imports='same_name')"})
    second = write(**{'two/same_name': '', 'two/a': "custom_imports = dict(imports='same_name')"})
    Config.fromfile(first)
    with pytest.warns(
        UserWarning, match=re.escape(f'which hides {tmp_path / "two" / "same_name.py"}')
    ):
        Config.fromfile(second)


@pytest.mark.parametrize(
    'value', ["['a']", "dict(import_='a')", 'dict(imports=[1])', 'dict(imports=1)']
)
def test_custom_imports_of_another_form_are_refused(write, value):
    assert 'custom_imports' in error_of(write(a=f'custom_imports = {value}'))
