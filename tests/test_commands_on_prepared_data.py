"""The sample videos, prepared by the commands, train and test in both streams, whatever they are
read from.
"""

import json

import cv2
import numpy as np
import pytest
from test_commands import CONFIGS, small
from test_training import command_here, lines

from i3dbox.commands import main
from i3dbox.datasets.pipelines import Compose
from i3dbox.datasets.sampler import sample_rng
from i3dbox.registry import DATASETS

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def prepared(real_root, tmp_path_factory):
    """The videos and split files of `real_root`, with all that is made of them, at a short side of
    40.
    """
    root = tmp_path_factory.mktemp('prepared')
    for name in ('videos', 'splits'):
        (root / name).symlink_to(real_root / name)
    size = ['--short-side', '40', '--quality', '100']
    for words in (
        ['extract_frames', root / 'videos', root / 'rawframes', *size],
        ['extract_flow', root / 'videos', root / 'flow', *size],
        ['pack', root / 'rawframes', root / 'packed/rgb'],
        ['pack', root / 'flow', root / 'packed/flow'],
    ):
        assert main(words[0], list(map(str, words[1:]))) == 0
    return root


@pytest.fixture(scope='module')
def trained(prepared, tmp_path_factory):
    """RGB trained from shards, flow straight from the videos."""
    folder = tmp_path_factory.mktemp('trained')
    for stream, source in (('rgb', 'packed'), ('flow', 'video')):
        sources = {f'data.{subset}.source': source for subset in ('train', 'val')}
        done = command_here(
            'train',
            CONFIGS / f'i3d_{stream}_ucf101.py',
            '--work-dir',
            folder / stream,
            '--validate',
            *small(prepared, 'data.train', 'data.val', **sources),
        )
        assert done.returncode == 0, done.stderr
    return folder


def test_rgb_trains_from_shards_and_flow_from_videos(trained):
    for stream in ('rgb', 'flow'):
        loss = [line['loss'] for line in lines(trained / stream)]
        assert loss and np.isfinite(loss).all()
        assert lines(trained / stream, 'val')


@pytest.mark.parametrize('stream', ['rgb', 'flow'])
def test_a_stream_gets_the_same_scores_from_frames_and_shards_and_nearly_the_same_from_videos(
    trained, prepared, stream, tmp_path
):
    scores = {}
    for source in ('frames', 'packed', 'video'):
        out = tmp_path / f'{source}.json'
        done = command_here(
            'test',
            CONFIGS / f'i3d_{stream}_ucf101.py',
            trained / stream / 'epoch_1.ckpt',
            '--out',
            out,
            *small(prepared, 'data.test', **{'data.test.source': source}),
        )
        assert done.returncode == 0, done.stderr
        scores[source] = {
            sample['name']: sample['scores'] for sample in json.loads(out.read_text())['samples']
        }
    assert scores['packed'] == scores['frames'] and len(scores['frames']) == 4
    for name, expected in scores['frames'].items():
        assert scores['video'][name] == pytest.approx(expected, abs=0.05)  # but for JPEG


def through_jpeg(results):
    """A pipeline step that does to the frames of a video what storing them does."""
    coded = [
        cv2.imencode('.jpg', img[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1]
        for img in results['imgs']
    ]
    return dict(results, imgs=[cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1] for data in coded])


def test_rgb_clips_from_videos_and_from_shards_are_equal_but_for_jpeg(prepared):
    cfg = dict(type='UCF101Dataset', data_root=str(prepared), pipeline=[])
    video, packed = (DATASETS.build(dict(cfg, source=source)) for source in ('video', 'packed'))
    steps = [
        dict(type='OpenClip'),
        dict(type='SampleFrames', clip_len=8),
        dict(type='DecodeClip'),
        dict(type='Resize', short_side=40),
        through_jpeg,
        dict(type='RandomCrop', size=32),
        dict(type='Flip'),
        dict(type='PackClips'),
    ]
    video.pipeline, packed.pipeline = Compose(steps), Compose(steps[:4] + steps[5:])
    for index in range(4):
        for epoch in range(3):
            ours, theirs = (
                dataset.load(index, sample_rng(0, epoch, index))['imgs']
                for dataset in (packed, video)
            )
            np.testing.assert_array_equal(ours, theirs)
