"""The recipes that are shipped train, resume and test on real videos, by the commands that users
type.
"""

import json
import pathlib

import pytest
from test_training import TOOLS, command, command_here, lines

pytestmark = pytest.mark.slow

CONFIGS = pathlib.Path(__file__).parents[1] / 'configs'


def small(root, *streams, **extra):
    """--cfg-options that bring a UCF101 recipe down to seconds; `streams` are the keys of its data
    sets.
    """
    options = {
        'model.head.num_classes': 2,
        'model.backbone.endpoints': 'Mixed_3b',
        'load_from': None,
        'freeze': None,
        'data.batch_size': 2,
        'data.num_workers': 2,
        'total_epochs': 1,
        **extra,
    }
    for data in streams:
        options.update(
            {
                f'{data}.data_root': root,
                f'{data}.pipeline.1.clip_len': 8,
                f'{data}.pipeline.3.short_side': 40,
                f'{data}.pipeline.5.size': 32,
            }
        )
    return ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]


@pytest.fixture(scope='module')
def trained(real_root, tmp_path_factory):
    """Checkpoints of both streams after an epoch on the real videos, by the shipped recipes."""
    folder = tmp_path_factory.mktemp('trained')
    options = small(real_root, 'data.train', 'data.val', 'data.test')
    for stream in ('rgb', 'flow'):
        done = command(
            'train',
            CONFIGS / f'i3d_{stream}_ucf101.py',
            '--work-dir',
            folder / stream,
            '--validate',
            *options,
        )
        assert done.returncode == 0, done.stderr
    return folder


def test_both_streams_train_and_validate(trained):
    for stream in ('rgb', 'flow'):
        assert [line['mode'] for line in lines(trained / stream)] == ['train']
        assert 0 <= lines(trained / stream, 'val')[0]['top1_acc'] <= 1


def test_a_run_resumes_for_more_epochs_from_its_own_config(trained, real_root):
    done = command(
        'train',
        trained / 'rgb/i3d_rgb_ucf101.py',
        '--work-dir',
        trained / 'rgb',
        '--resume',
        '--cfg-options',
        'total_epochs=2',
        'schedule.every=1',
    )
    assert done.returncode == 0, done.stderr
    assert 'from step 2 to 4' in done.stdout
    assert [line['epoch'] for line in lines(trained / 'rgb')] == [1, 2]


@pytest.fixture(scope='module')
def tested(trained, real_root):
    """A function: tests a stream, once, on what its recipe reads or on `source`; returns the
    samples of the results and what was printed.
    """
    done = {}

    def test(stream, **source):
        name = '_'.join([stream, *source.values()])
        if name not in done:
            out = trained / f'{name}.json'
            said = command_here(
                'test',
                CONFIGS / f'i3d_{stream}_ucf101.py',
                trained / stream / 'epoch_1.ckpt',
                '--out',
                out,
                '--eval',
                'top_k_accuracy',
                'mean_class_accuracy',
                *small(real_root, 'data.test', **{f'data.test.{k}': v for k, v in source.items()}),
            )
            assert said.returncode == 0, said.stderr
            done[name] = json.loads(out.read_text())['samples'], said.stdout
        return done[name]

    return test


@pytest.mark.parametrize('source', ['video', 'frames'])
def test_videos_and_their_frames_can_both_be_tested(tested, source):
    samples, said = tested('rgb', source=source)
    share = sum(s['prediction'] == s['label'] for s in samples) / 4
    assert len(samples) == 4 and f'top1_acc: {share:.4f}' in said


def test_fusion_is_the_sum_of_both_streams_logits(trained, tested, real_root, tmp_path):
    heads = {
        f'model.{s}.{k}': v
        for s in ('rgb', 'flow')
        for k, v in (('head.num_classes', 2), ('backbone.endpoints', 'Mixed_3b'))
    }
    joint = [
        word
        for word in small(real_root, 'data.test.rgb', 'data.test.flow', **heads)
        if not word.startswith(('model.head', 'model.backbone'))
    ]
    done = command(
        'test',
        CONFIGS / 'two_stream_ucf101.py',
        '--rgb',
        trained / 'rgb/epoch_1.ckpt',
        '--flow',
        trained / 'flow/epoch_1.ckpt',
        '--out',
        tmp_path / 'joint.json',
        *joint,
    )
    assert done.returncode == 0, done.stderr
    joint = json.loads((tmp_path / 'joint.json').read_text())['samples']
    rgb, flow, both = (
        {s['name']: s['scores'] for s in samples}
        for samples in (tested('rgb', source='video')[0], tested('flow')[0], joint)
    )
    assert len(both) == 4
    for name, scores in both.items():
        assert scores == pytest.approx(
            [r + f for r, f in zip(rgb[name], flow[name])], rel=1e-3, abs=1e-4
        )


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['nothing.ckpt'], 'checkpoint nothing.ckpt does not exist'),
        (['a.ckpt', '--out', 'scores.csv'], 'a result file ends in .pkl or .json; got scores.csv'),
        (
            ['a.ckpt', '--eval', 'top_k_acuracy'],
            "no metric is called 'top_k_acuracy'. Did you mean 'top_k_accuracy'",
        ),
        (['--rgb', 'a.ckpt'], 'name one checkpoint, or both --rgb and --flow'),
    ],
)
def test_wrong_arguments_of_test_are_told_in_one_line(real_root, arguments, message):
    done = command_here(
        'test', CONFIGS / 'i3d_rgb_ucf101.py', *arguments, *small(real_root, 'data.test')
    )
    assert done.returncode == 1
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_checkpoint_of_other_classes_or_modality_is_refused(trained, real_root):
    for config, checkpoint, options, message in (
        (
            'i3d_rgb_ucf101.py',
            'rgb',
            {'model.head.num_classes': 3},
            'has 2 classes; the model has 3',
        ),
        ('i3d_rgb_ucf101.py', 'flow', {}, 'was trained on Flow; the model takes RGB'),
    ):
        done = command_here(
            'test',
            CONFIGS / config,
            trained / checkpoint / 'epoch_1.ckpt',
            *small(real_root, 'data.test', **options),
        )
        assert done.returncode == 1 and message in done.stderr


# no commands of users
OF_THE_PROJECT = ('test_matrix', 'fuzz', 'torture', 'ascend_operators', 'renew_tutorial')


def test_the_tools_are_two_line_shims_over_the_commands():
    for tool in (*TOOLS.glob('*.py'), *TOOLS.glob('data/*.py'), *TOOLS.glob('analysis/*.py')):
        assert tool.stem in OF_THE_PROJECT or f"main('{tool.stem}')" in tool.read_text()
