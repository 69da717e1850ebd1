"""From a folder of class folders to a tested network in one command."""

import json
import pathlib
import shlex
import shutil
import subprocess
import sys

import pytest
from videos import moving_frames, write_video

from i3dbox.apis import finetune as api
from i3dbox.apis import starting_point
from i3dbox.apis.recipes import (
    TWO_STREAM,
    choose_recipe,
    config_name,
    config_text,
    write_config,
)
from i3dbox.apis.starting_point import (
    GIB,
    I3D,
    check_weights,
    choose_network,
    choose_weights,
    sized,
)
from i3dbox.commands import main
from i3dbox.config import Config
from i3dbox.config_checks.checks import REQUIRED_TO_TRAIN, check_config
from i3dbox.downloads import pip_settings, transfer
from i3dbox.errors import CheckpointError, ConfigError, DataError, DownloadError, RegistryError
from i3dbox.models import build_recognizer
from i3dbox.models.freezing import freeze, layer_name
from i3dbox.preparation.checking import Problem, look_at_videos
from i3dbox.preparation.class_folders import Split, find_classes, make_split, read_split
from i3dbox.weights.checkpoint_file import write_checkpoint

TOOLS = pathlib.Path(__file__).parents[1] / 'tools'


def folder_of(root, **classes):
    """Empty files by class: enough to split."""
    for name, files in classes.items():
        for file in files:
            path = root / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return str(root)


def numbered(count, name='v_{}.mp4'):
    return [name.format(i) for i in range(count)]


# the split


def test_about_a_quarter_of_each_class_tests(tmp_path):
    root = folder_of(tmp_path, wave=numbered(8), clap=numbered(3), jump=numbered(40))
    split = make_split(find_classes(root), root)
    assert split.classes == ['clap', 'jump', 'wave']
    assert split.counts() == [('clap', 2, 1), ('jump', 30, 10), ('wave', 6, 2)]
    assert not {path for path, _ in split.train} & {path for path, _ in split.val}


def test_the_split_depends_on_the_seed_and_on_the_class_alone(tmp_path):
    root = folder_of(tmp_path / 'a', wave=numbered(20), clap=numbered(20))
    first, again, other = (make_split(find_classes(root), root, seed=seed) for seed in (1, 1, 2))
    assert first == again and first != other
    more = folder_of(tmp_path / 'b', able=numbered(5), wave=numbered(20), clap=numbered(20))
    waves = [
        {path for path, _ in split.val if path.startswith('wave')}
        for split in (first, make_split(find_classes(more), more, seed=1))
    ]
    assert waves[0] == waves[1]


def test_clips_of_one_group_stay_together(tmp_path):
    names = [f'v_Wave_g{group:02}_c{clip:02}.avi' for group in range(1, 9) for clip in range(1, 4)]
    root = folder_of(tmp_path, Wave=names, Clap=numbered(4))
    split = make_split(find_classes(root), root)
    groups = [
        {path.split('_')[2] for path, label in part if label == 1}
        for part in (split.train, split.val)
    ]
    assert not groups[0] & groups[1] and len(groups[1]) == 2


@pytest.mark.parametrize(
    'files, problems, message',
    [
        (['a.avi'], [], "the class 'wave' has 1 readable video; a class needs two or more"),
        (['a.avi', 'b.avi'], ['b.avi'], r"'wave' has 1 readable video \(1 more cannot be read\)"),
        (
            ['v_a_g01_c01.avi', 'v_a_g01_c02.avi'],
            [],
            "'wave' has 2 videos, all of the group g01; a class needs two",
        ),
    ],
)
def test_a_class_too_small_to_be_split_is_named(tmp_path, files, problems, message):
    root = folder_of(tmp_path, clap=numbered(2), wave=files)
    problems = [
        Problem(str(tmp_path / 'wave' / name), 'empty', 'the file is empty') for name in problems
    ]
    with pytest.raises(DataError, match=message):
        make_split(find_classes(root), root, problems)


@pytest.mark.parametrize(
    'classes, message',
    [
        (dict(wave=numbered(2)), "one class only, 'wave'"),
        (
            dict(train=['wave/a.avi'], val=['wave/b.avi']),
            'the folders train, val, which look like subsets',
        ),
        (dict(wave=numbered(2), notes=['a.txt']), "the class 'notes' .* holds no videos"),
        ({'': ['a.avi'], 'wave': numbered(2)}, 'a.avi lies in no class folder: move it'),
        (
            dict(wave=numbered(2), clap=['a.avi', 'a.mp4']),
            'differ in their extension only: rename one',
        ),
        ({'wave ': numbered(2), 'clap': numbered(2)}, 'begins or ends with a space'),
        (dict(wave=numbered(2), clap=['a\nb.avi']), 'cannot stand in a list'),
    ],
)
def test_a_folder_that_is_none_of_class_folders_is_told_so(tmp_path, classes, message):
    with pytest.raises(DataError, match=message):
        find_classes(folder_of(tmp_path, **classes))


def test_a_folder_that_is_not_there_is_named_with_the_nearest(tmp_path):
    (tmp_path / 'gestures').mkdir()
    with pytest.raises(DataError, match="is no folder.*Did you mean 'gestures'"):
        find_classes(str(tmp_path / 'gesture'))


def test_a_split_is_read_back_as_it_was_written(tmp_path):
    root = folder_of(
        tmp_path / 'videos',
        **{'high five': ['a b.mp4', 'c.mp4', 'deep/d #1.mp4'], 'wäve': numbered(4)},
    )
    problems = [Problem(f'{root}/wäve/v_0.mp4', 'empty', 'the file is empty')]
    split = make_split(find_classes(root), root, problems)
    split.write(str(tmp_path / 'split'))
    assert read_split(str(tmp_path / 'split')) == split
    assert split.left_out == [('wäve/v_0.mp4', 'the file is empty')]
    assert read_split(str(tmp_path / 'nothing')) is None


def test_a_quick_look_finds_what_does_not_open(tmp_path):
    write_video(tmp_path / 'good.avi', moving_frames(9))
    (tmp_path / 'noise.avi').write_bytes(b'no video' * 99)
    (tmp_path / 'empty.avi').touch()
    from i3dbox.preparation.sources import find_videos

    sizes, problems = look_at_videos(find_videos(str(tmp_path)), 1)
    assert sizes == {'good': (9, 64, 48)}
    assert [(pathlib.Path(p.path).name, p.kind) for p in problems] == [
        ('empty.avi', 'empty'),
        ('noise.avi', 'unreadable'),
    ]


def test_a_precision_that_it_has_not_is_refused_before_anything_is_written(tmp_path, capsys):
    root = folder_of(tmp_path / 'videos', wave=numbered(2), clap=numbered(2))
    words = [root, '--model', 'none', '--work-dir', str(tmp_path / 'run'), '--precision', 'int8']
    assert main('finetune', words) == 1
    assert 'int8 is of exported files' in capsys.readouterr().err
    assert not (tmp_path / 'run').exists()


# the recipe and its config


def test_more_videos_train_more_layers_in_larger_batches():
    few, more, many = (choose_recipe(number, True, memory=64 * GIB) for number in (20, 1000, 9537))
    assert few.freeze['finetune_prefixes'] == ['head', 'Mixed_5'] and few.freeze['freeze_norm']
    assert more.freeze['finetune_prefixes'] == ['head', 'Mixed_4', 'Mixed_5']
    assert 'finetune_prefixes' not in many.freeze and choose_recipe(20, False).freeze is None
    assert [recipe.batch_size for recipe in (few, more, many)] == [2, 8, 8]
    assert few.lr > more.lr > many.lr
    assert few.epochs * (20 // few.batch_size) >= 100 and more.epochs == 15


def test_little_memory_makes_small_batches_and_large_videos_are_tested_by_clips():
    assert choose_recipe(1000, True, memory=4 * GIB).batch_size == 2
    assert choose_recipe(1000, True, memory=1).batch_size == 1
    assert choose_recipe(9, True, largest=GIB).frames == dict(mode='whole')
    assert choose_recipe(9, True, largest=9 * GIB).frames == dict(mode='uniform', num_clips=4)


def test_small_clips_let_more_of_them_into_memory_and_stand_in_every_pipeline(tmp_path):
    small = sized(I3D, 16, 112)
    recipe = choose_recipe(1000, True, memory=4 * GIB, network=small)
    assert recipe.batch_size == 8
    text = config_text('rgb', '/videos', 3, 9, None, 0, recipe, small)
    write_config(str(tmp_path / 'i3d_rgb.py'), text)
    data = Config.fromfile(str(tmp_path / 'i3d_rgb.py')).data
    for part in (data.train, data.val, data.test):
        steps = {step.type: step for step in part.pipeline}
        assert steps['SampleFrames'].clip_len == 16 and steps['Resize'].short_side == 128
        assert (steps.get('RandomCrop') or steps['CenterCrop'])['size'] == 112


@pytest.mark.parametrize(
    'name, size, resize, crop',
    [
        ('r3d_18_kinetics400', None, dict(scale=(171, 128), keep_ratio=False), dict(rounded=True)),
        ('r3d_18_kinetics400', 56, dict(scale=(86, 64), keep_ratio=False), dict(rounded=True)),
        ('s3d_kinetics400', None, dict(scale=(256, 256), keep_ratio=False), {}),
        ('slowonly_r50_8x8_kinetics400', None, dict(short_side=256), {}),
        ('slowonly_r50_8x8_kinetics400', 112, dict(short_side=128), {}),
        ('i3d_rgb_kinetics400', 112, dict(short_side=128), {}),
    ],
)
def test_frames_have_the_size_and_place_that_the_networks_own_config_gives_them(
    name, size, resize, crop, tmp_path, monkeypatch
):
    monkeypatch.setattr(starting_point, 'watch', lambda *_: ({}, 1))
    network = sized(choose_network(name), None, size)
    recipe = choose_recipe(9, True, network=network)
    write_config(
        str(tmp_path / 'rgb.py'),
        config_text('rgb', '/videos', 3, 9, None, 0, recipe, network),
    )
    cfg = Config.fromfile(str(tmp_path / 'rgb.py'))
    for part in ('train', 'val', 'test'):
        steps = {step.pop('type'): step for step in cfg.data[part].to_dict()['pipeline']}
        assert steps['Resize'] == resize
        if part != 'train':
            assert steps['CenterCrop'] == dict(size=network.size, **crop)
    again = choose_network(None, cfg)
    assert again.resize == resize and again.crop == dict(crop, size=network.size)


def test_a_config_that_trains_on_smaller_frames_than_it_validates_on_is_scaled_by_its_crop(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(starting_point, 'watch', lambda *_: ({}, 1))
    own = tmp_path / 'own.py'
    own.write_text(
        "_base_ = ['i3dbox::slowonly_r50_8x8_kinetics400.py']\n"
        'data = dict(train=dict(pipeline={5: dict(scale=(64, 64))}))\n'
    )
    network = sized(choose_network(None, str(own)), None, None)
    assert (network.size, network.resize) == (64, dict(short_side=73))  # 256 for 224


CROP = dict(type='CenterCrop', size=32)


@pytest.mark.parametrize(
    'steps, resize, crop',
    [
        ([dict(type='Resize', scale=(float('inf'), 40)), CROP], dict(scale=(-1, 40)), 32),
        ([dict(type='Resize', short_side=40)], dict(short_side=40), None),
        ([dict(type='Resize', short_side=40), CROP, dict(type='Resize', scale=(8, 8))], None, None),
        ([dict(type='Resize', short_side=40), dict(type='ThreeCrop', size=32)], None, None),
        (['Resize'], None, None),
        (dict(type='Resize'), None, None),
    ],
)
def test_what_is_no_resize_and_crop_alone_is_not_carried_over(steps, resize, crop):
    found = starting_point._framing(steps)
    assert found == (resize, dict(size=crop) if crop else {})
    assert starting_point._resized(dict(scale=(-1, 40)), 0.01) == dict(scale=(-1, 1))


def test_steps_that_are_carried_over_are_checked():
    with pytest.raises(RegistryError, match="CenterCrop takes no argument 'foo'"):
        starting_point._framing([dict(type='Resize', short_side=40), dict(CROP, foo=1)])


def test_the_second_stream_takes_the_first_ones_clips_and_others_are_refused(gestures, tmp_path):
    options = dict(folder=str(gestures), model='none', work_dir=str(tmp_path / 'run'))
    api.prepare(**options, clip_len=16, size=112, seed=5)
    flow = api.prepare(**options, stream='flow').test_config
    assert (
        Config.fromfile(flow).data.test.pipeline[1].clip_len == 16
        and Config.fromfile(flow).seed == 5
    )
    api.prepare(**options, stream='joint')
    with pytest.raises(
        ConfigError, match='has 16 as its clip_len; now it is 32. Another --work-dir'
    ):
        api.prepare(**options, clip_len=32)
    for wrong, message in (
        (dict(size=16), 'size is at least 32; got 16'),
        (dict(clip_len=16.5), 'got 16.5'),
    ):
        with pytest.raises(ConfigError, match=message):
            api.prepare(**options, **wrong)


def test_clips_that_a_config_was_changed_to_stay(gestures, tmp_path):
    options = dict(
        folder=str(gestures), model='none', stream='joint', work_dir=str(tmp_path / 'run')
    )
    plan = api.prepare(**options, size=112)
    written = pathlib.Path(plan.configs['rgb']).read_text()
    by_hand = written.replace(
        "type='RandomCrop', size=_size", "type='RandomCrop', size=(96, 112)"
    ).replace('_clip_len, _size, _short_side = 64,', '_clip_len, _size, _short_side = 32,')
    assert by_hand != written
    pathlib.Path(plan.configs['rgb']).write_text(by_hand)
    for asked in ({}, dict(size=112)):
        api.prepare(**options, **asked)
    assert pathlib.Path(plan.configs['rgb']).read_text() == by_hand


@pytest.mark.slow
@pytest.mark.parametrize('stream', ['rgb', 'flow'])
@pytest.mark.parametrize(
    'videos, weights',
    [(9, None), (9, 'zoo://i3d_rgb_kinetics400'), (999, 'a.ckpt'), (9999, 'a.ckpt')],
)
def test_every_config_that_is_written_builds_what_its_recipe_says(
    tmp_path, stream, videos, weights
):
    recipe = choose_recipe(videos, weights is not None)
    path = tmp_path / config_name(stream)
    folder = '/videos/it\'s "mine" $x'
    write_config(str(path), config_text(stream, folder, 7, videos, weights, 3, recipe))
    cfg = Config.fromfile(str(path))
    check_config(cfg, REQUIRED_TO_TRAIN, data=['train', 'val', 'test'])
    assert cfg.data.test.data_prefix == folder and cfg.load_from == weights and cfg.seed == 3
    assert cfg.data.train.ann_file == str(tmp_path / 'split/train.txt') and cfg.work_dir == str(
        tmp_path / stream
    )
    recognizer = build_recognizer(cfg.model)
    assert (recognizer.modality, recognizer.num_classes) == (
        {'rgb': 'RGB', 'flow': 'Flow'}[stream],
        7,
    )
    trained = {
        layer_name(name).split('.')[0][:7] for name in freeze(recognizer, **(cfg.freeze or {}))
    }
    assert ('Mixed_4' in trained, 'Conv3d_' in trained) == (
        weights is None or videos > 300,
        weights is None or videos > 3000,
    )
    assert all(
        len(line) <= 120 for line in path.read_text().splitlines() if 'data_prefix' not in line
    )


def test_options_become_lines_of_the_config_and_what_is_there_stays(tmp_path):
    path = str(tmp_path / 'i3d_rgb.py')
    text = config_text('rgb', '/videos', 3, 9, None, 0, choose_recipe(9, False))
    options = {
        'data.test.pipeline.1.clip_len': 8,
        'model.head': {'dropout': 0.1},
        'total_epochs': 2,
        'clip_grad_norm': 40.0,
        'data.val_loader.worker': 'process',
        'evaluation.max_frames': 64,
    }
    write_config(path, text, options)
    written = pathlib.Path(path).read_text()
    assert written.startswith(text) and "data['test']['pipeline'][1]['clip_len'] = 8" in written
    cfg = Config.fromfile(path)
    assert cfg.data.test.pipeline[1].clip_len == 8 and cfg.data.train.pipeline[1].clip_len == 64
    assert (
        cfg.model.head == dict(type='I3DHead', num_classes=3, dropout=0.1) and cfg.total_epochs == 2
    )
    assert cfg.data.val_loader == dict(batch_size=1, worker='process') and cfg.clip_grad_norm == 40
    pathlib.Path(path).write_text(written + 'seed = 7  # by hand\n')
    write_config(path, text, options)
    assert pathlib.Path(path).read_text() == written + 'seed = 7  # by hand\n'
    write_config(path, text, {'total_epochs': 5})
    assert Config.fromfile(path).total_epochs == 5 and Config.fromfile(path).seed == 7


@pytest.mark.parametrize(
    'option, message',
    [
        ('total_epoch=1', "unknown key 'total_epoch'"),
        ('data.test.damagd=skip', "no argument 'damagd'"),
        ('data.test.pipeline.1.clip_length=16', "no argument 'clip_length'"),
    ],
)
def test_options_that_do_not_fit_are_told_before_training_and_leave_no_line(
    gestures, tmp_path, option, message, capsys
):
    words = [
        str(gestures),
        '--model',
        'none',
        '--work-dir',
        str(tmp_path / 'run'),
        '--cfg-options',
        option,
    ]
    assert main('finetune', words) == 1
    assert message in capsys.readouterr().err
    # nor a config or split, which would bind the next call
    assert not list((tmp_path / 'run').glob('*'))


@pytest.mark.slow
def test_a_split_of_a_call_that_was_refused_binds_no_other_seed(gestures, tmp_path):
    settings = dict(model='none', work_dir=str(tmp_path / 'run'))
    with pytest.raises(ConfigError, match='frozen_views'):
        api.prepare(str(gestures), seed=1, options=dict(frozen_views=-1), **settings)
    there = api.prepare(str(gestures), seed=2, **settings).split
    settings['work_dir'] = str(tmp_path / 'fresh')
    assert there == api.prepare(str(gestures), seed=2, **settings).split


def test_a_split_that_another_call_is_making_is_told_of(gestures, tmp_path, monkeypatch):
    def write(self, folder):
        raise FileExistsError(f'{folder} is there already')

    monkeypatch.setattr(Split, 'write', write)
    with pytest.raises(ConfigError, match='split is being made by another call: the same command'):
        api.prepare(str(gestures), model='none', work_dir=str(tmp_path / 'run'))


def two_stream():
    return TWO_STREAM.substitute(rgb='i3d_rgb.py', flow='i3d_flow.py')


def test_an_option_that_no_line_can_say_writes_the_config_out(tmp_path):
    for stream in ('rgb', 'flow'):
        text = config_text(stream, '/v', 3, 9, None, 0, choose_recipe(9, False))
        write_config(str(tmp_path / f'i3d_{stream}.py'), text)
    path = str(tmp_path / 'two_stream.py')
    write_config(path, two_stream(), {'model.weights.1': 2})
    assert Config.fromfile(path).model.weights == (1, 2)
    assert Config.fromfile(path).model.flow.modality == 'Flow'


def test_both_streams_are_tested_as_each_stands_in_its_own_config(tmp_path):
    for stream in ('rgb', 'flow'):
        text = config_text(stream, '/v', 3, 9, None, 0, choose_recipe(9, False))
        options = (
            {'data.test.pipeline.4.method': 'dis', 'model.head.dropout': 0.1}
            if stream == 'flow'
            else {}
        )
        write_config(str(tmp_path / f'i3d_{stream}.py'), text, options)
    write_config(str(tmp_path / 'two_stream.py'), two_stream())
    cfg = Config.fromfile(str(tmp_path / 'two_stream.py'))
    assert cfg.data.test.flow.pipeline[4] == dict(type='ComputeFlow', method='dis')
    assert 'method' not in cfg.data.test.rgb.pipeline[4] and cfg.data.test.flow.modality == 'Flow'
    assert (cfg.model.rgb.head.dropout, cfg.model.flow.head.dropout) == (0.5, 0.1)
    (tmp_path / 'copy.py').write_text(cfg.pretty_text)
    assert dict(Config.fromfile(str(tmp_path / 'copy.py'))) == dict(cfg)


# where training starts from

CROSS = dict(type='cross_modality', checkpoint='zoo://i3d_rgb_kinetics400')


@pytest.mark.parametrize(
    'model, stream, expected',
    [
        (None, None, ('rgb', dict(rgb='zoo://i3d_rgb_kinetics400'))),
        (
            None,
            'joint',
            ('joint', dict(rgb='zoo://i3d_rgb_kinetics400', flow='zoo://i3d_flow_kinetics400')),
        ),
        (
            'i3d_flow_kinetics400_scratch',
            None,
            ('flow', dict(flow='zoo://i3d_flow_kinetics400_scratch')),
        ),
        (
            'zoo://i3d_flow_kinetics400_scratch',
            'joint',
            (
                'joint',
                dict(
                    rgb='zoo://i3d_rgb_kinetics400_scratch',
                    flow='zoo://i3d_flow_kinetics400_scratch',
                ),
            ),
        ),
        (
            'i3d_kinetics400',
            None,
            ('joint', dict(rgb='zoo://i3d_rgb_kinetics400', flow='zoo://i3d_flow_kinetics400')),
        ),
        ('i3d_kinetics600_scratch', 'rgb', ('rgb', dict(rgb='zoo://i3d_rgb_kinetics600_scratch'))),
        (
            'i3d_kinetics400_scratch,zoo://i3d_flow_kinetics400',
            'joint',
            (
                'joint',
                dict(rgb='zoo://i3d_rgb_kinetics400_scratch', flow='zoo://i3d_flow_kinetics400'),
            ),
        ),
        ('none', 'joint', ('joint', dict(rgb=None, flow=None))),
        (
            'i3d_rgb_kinetics400',
            'flow',
            ('flow', dict(flow=CROSS)),
        ),
        ('zoo://i3d_rgb_kinetics400', 'flow', ('flow', dict(flow=CROSS))),
        ('none', None, ('rgb', dict(rgb=None))),
    ],
)
def test_the_model_and_the_stream_belong_together(model, stream, expected):
    assert choose_weights(model, stream) == expected


@pytest.mark.parametrize(
    'model, stream, error, message',
    [
        (
            'i3d_flow_kinetics400',
            'rgb',
            ConfigError,
            'i3d_flow_kinetics400 is of Flow; --stream says rgb',
        ),
        (
            'i3d_rgb_kinetics600_scratch',
            'joint',
            CheckpointError,
            "has no 'i3d_flow_kinetics600_scratch'",
        ),
        (
            'i3d_rgb_kinetics40',
            None,
            CheckpointError,
            "Did you mean 'i3d_rgb_kinetics400'.*none trains from scratch",
        ),
        (
            'a.ckpt',
            'joint',
            CheckpointError,
            "a.ckpt is no file, and the model zoo has no 'a.ckpt'",
        ),
        (
            'i3d_kinetics40',
            None,
            CheckpointError,
            "has no 'i3d_kinetics40'. Did you mean 'i3d_kinetics400'",
        ),
        ('a,b,c', 'joint', ConfigError, 'two checkpoints for both streams'),
        (None, 'both', ConfigError, "stream is one of rgb, flow, joint; got 'both'"),
    ],
)
def test_a_model_that_cannot_be_meant_is_refused(model, stream, error, message):
    with pytest.raises(error, match=message):
        choose_weights(model, stream)


def test_a_checkpoint_of_both_streams_is_refused(gestures, tmp_path):
    write_checkpoint(str(tmp_path / 'joint.ckpt'), {}, meta=dict(modality='RGB+Flow'))
    with pytest.raises(CheckpointError, match=r'was trained on RGB\+Flow; the stream takes RGB'):
        api.prepare(str(gestures), str(tmp_path / 'joint.ckpt'), work_dir=str(tmp_path / 'run'))


def test_a_checkpoint_of_ones_own_tells_its_stream(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint('mine.ckpt', {}, meta=dict(modality='Flow'))
    assert choose_weights('mine.ckpt') == ('flow', dict(flow=str(tmp_path / 'mine.ckpt')))
    with pytest.raises(ConfigError, match='both streams need two checkpoints'):
        choose_weights('mine.ckpt', 'joint')
    with pytest.raises(CheckpointError, match='was trained on Flow; the stream takes RGB'):
        check_weights('mine.ckpt', 'RGB')
    write_checkpoint('colours.ckpt', {}, meta=dict(modality='RGB'))
    crossed = dict(type='cross_modality', checkpoint=str(tmp_path / 'colours.ckpt'))
    assert choose_weights('colours.ckpt', 'flow') == ('flow', dict(flow=crossed))


def test_without_a_network_nothing_is_written_and_training_from_scratch_is_offered(
    tmp_path, monkeypatch
):
    def no_network(urls, *_):
        raise DownloadError(f'{urls[0]}: no route to host')

    monkeypatch.setenv('I3DBOX_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(transfer, 'download', no_network)
    monkeypatch.setattr(pip_settings, '_LIST', ('false',))
    monkeypatch.delenv('PIP_FIND_LINKS', raising=False)
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    root = folder_of(tmp_path / 'videos', wave=numbered(2), clap=numbered(2))
    with pytest.raises(DownloadError, match='no route to host.*--model none'):
        api.prepare(root, work_dir=str(tmp_path / 'run'))
    assert not (tmp_path / 'run').exists()


def test_outputs_do_not_go_among_the_classes(tmp_path):
    root = folder_of(tmp_path, wave=numbered(2), clap=numbered(2))
    with pytest.raises(ConfigError, match='whose folders are classes: name another --work-dir'):
        api.prepare(root, 'none', work_dir=f'{root}/run')


# the whole way

SMALL = [
    'model.backbone.endpoints=Mixed_3b',
    *(
        f'data.{part}.pipeline.{option}'
        for part in ('train', 'val', 'test')
        for option in ('1.clip_len=8', '3.short_side=36', '4.method=farneback', '5.size=32')
    ),
]


@pytest.fixture(scope='module')
def gestures(tmp_path_factory):
    """Nine videos of two classes, one of them no video at all."""
    root = tmp_path_factory.mktemp('gestures')
    for label, name in enumerate(('clap', 'wave')):
        (root / name).mkdir()
        for i in range(4):
            write_video(root / name / f'{i}.avi', moving_frames(12 + i, seed=10 * label + i))
    (root / 'wave/broken.avi').write_bytes(b'no video' * 99)
    return root


@pytest.fixture(scope='module')
def finetuned(gestures, tmp_path_factory):
    """What the command printed for both streams, and its work_dir."""
    work_dir = tmp_path_factory.mktemp('finetuned') / 'run'
    done = command(
        gestures,
        '--model',
        'none',
        '--stream',
        'joint',
        '--work-dir',
        work_dir,
        '--epochs',
        1,
        '--cfg-options',
        *SMALL,
    )
    assert done.returncode == 0, done.stderr
    return work_dir, done.stdout


def command(*words):
    return subprocess.run(
        [sys.executable, str(TOOLS / 'finetune.py'), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_both_streams_are_trained_tested_and_reported(finetuned):
    work_dir, text = finetuned
    for line in (
        '| clap      | 3     | 1    |',
        '| wave      | 3     | 1    |',
        'wave/broken.avi: this is no video',
        'RGB: all layers for 1 epoch in batches of 2, from scratch',
        'RGB + Flow | 2 ',
    ):
        assert line in text
    page = (work_dir / 'report/report.html').read_text()
    assert '6 videos trained, 2 others' in page and 'wave/broken.avi' in page and 'Training' in page


@pytest.mark.slow
def test_the_command_for_the_demo_names_files_that_are_there(finetuned, gestures):
    work_dir, text = finetuned
    words = shlex.split(text.strip().splitlines()[-1])
    assert words[:3] == ['python', str(TOOLS / 'demo.py'), 'VIDEO'] and words[3::2] == [
        '--config',
        '--rgb',
        '--flow',
    ]
    assert all(pathlib.Path(path).resolve().is_file() for path in words[4::2])


@pytest.mark.slow
def test_a_second_call_goes_on_and_does_nothing_twice(finetuned, gestures):
    work_dir, _ = finetuned
    files = [*work_dir.rglob('*.ckpt'), *work_dir.glob('*.p*'), *work_dir.glob('split/*')]
    before = {path: path.stat().st_mtime_ns for path in files}
    (gestures / 'clap/late.avi').write_bytes((gestures / 'clap/1.avi').read_bytes())
    done = command(gestures, '--stream', 'joint', '--work-dir', work_dir)
    (gestures / 'clap/late.avi').unlink()
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('nothing is left to do') == 2 and 'clap/late.avi' in done.stdout
    assert {path: path.stat().st_mtime_ns for path in files} == before and len(files) == 10


@pytest.mark.slow
def test_more_epochs_go_on_from_the_last_checkpoint(finetuned, gestures, tmp_path):
    work_dir, _ = finetuned
    assert (
        main(
            'finetune',
            [str(gestures), '--stream', 'rgb', '--work-dir', str(work_dir), '--epochs', '2'],
        )
        == 0
    )
    with open(work_dir / 'rgb/log.json', encoding='utf-8') as file:
        assert [line['epoch'] for line in map(json.loads, file) if line['mode'] == 'val'] == [1, 2]
    assert (work_dir / 'rgb.pkl').exists()


@pytest.mark.slow
def test_a_checkpoint_of_ones_own_is_where_training_starts_and_a_late_damage_stops_nothing(
    finetuned, gestures, tmp_path, capsys
):
    videos = tmp_path / 'videos'
    shutil.copytree(gestures, videos)
    for path in videos.rglob('*.avi'):  # they open, and end early
        if path.parent.name == 'clap':
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (videos / 'wave/broken.avi').unlink()
    shutil.copytree(gestures / 'clap', videos / 'jump')
    model = finetuned[0] / 'rgb/epoch_1.ckpt'
    assert (
        main(
            'finetune',
            [
                str(videos),
                '--model',
                str(model),
                '--work-dir',
                str(tmp_path / 'run'),
                '--epochs',
                '1',
                '--cfg-options',
                *SMALL,
                'freeze.finetune_prefixes=[logits]',
            ],
        )
        == 0
    )
    text = capsys.readouterr().out
    assert f'RGB: logits for 1 epoch in batches of 2, from {model}' in text
    assert (
        'the head starts anew' in text
        and '2 of ' in text.split('parameters train')[0].splitlines()[-1]
    )
    assert 'damaged samples were met' in text and '1 damaged videos are not counted: clap/' in text


@pytest.mark.slow
@pytest.mark.parametrize(
    'words, message',
    [
        (['--seed', '5'], 'has 2022 as its seed; now it is 5. Another --work-dir starts anew'),
        (
            ['--model', 'i3d_rgb_kinetics400'],
            'has None as its model; now it is zoo://i3d_rgb_kinetics400',
        ),
    ],
)
def test_a_second_call_that_asks_for_something_else_is_refused(
    finetuned, gestures, words, message, capsys
):
    assert main('finetune', [str(gestures), '--work-dir', str(finetuned[0]), *words]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_the_written_configs_run_by_themselves(finetuned, capsys):
    work_dir, _ = finetuned
    assert (
        main(
            'test',
            [
                str(work_dir / 'two_stream.py'),
                '--rgb',
                str(work_dir / 'rgb/epoch_1.ckpt'),
                '--flow',
                str(work_dir / 'flow/epoch_1.ckpt'),
            ],
        )
        == 0
    )
    assert 'RGB + Flow' in capsys.readouterr().out
    assert main('train', [str(work_dir / 'i3d_flow.py'), '--resume', '--validate']) == 0
    assert 'nothing is left to do' in capsys.readouterr().out
