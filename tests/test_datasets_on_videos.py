"""The data sets, pipelines and loader together, on real videos arranged as a small UCF101."""

import shutil

import cv2
import numpy as np
import pytest
from conftest import NUM_REAL_FRAMES

from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import EpochSampler, SequentialSampler, sample_rng
from i3dbox.errors import DamagedSampleError
from i3dbox.registry import DATASETS

SAMPLING = dict(type='SampleFrames', clip_len=8, frame_interval=2)
SPATIAL = [
    dict(type='Resize', short_side=72),
    dict(type='RandomCrop', size=64),
    dict(type='Flip'),
    dict(type='PackClips'),
]
PIPELINE = [dict(type='OpenClip'), SAMPLING, dict(type='DecodeClip'), *SPATIAL]


def build(root, source='video', **kwargs):
    cfg = dict(type='UCF101Dataset', data_root=str(root), source=source)
    return DATASETS.build(cfg, pipeline=PIPELINE, **kwargs)


@pytest.mark.slow
def test_videos_become_the_same_batches_whatever_loads_them(real_root):
    dataset = build(real_root)
    stream = EpochSampler(len(dataset), 2, seed=1)
    expected = list(ClipLoader(dataset, stream, num_steps=4))
    assert expected[0]['imgs'].shape == (2, 1, 8, 64, 64, 3)
    for workers in (dict(num_workers=3), dict(num_workers=2, worker='process')):
        for batch, other in zip(ClipLoader(dataset, stream, num_steps=4, **workers), expected):
            for name in batch:
                np.testing.assert_array_equal(batch[name], other[name])


def test_frame_folders_show_what_the_videos_show(real_root):
    sampling = dict(SAMPLING, mode='uniform', clip_len=4, frame_interval=1, num_clips=1)
    steps = [dict(type='PackClips')]
    frames = build(real_root, 'frames')
    frames.pipeline = type(frames.pipeline)([PIPELINE[0], sampling, PIPELINE[2], *steps])
    clip = frames.load(0, sample_rng(0, 0, 0))['imgs'][0]
    capture = cv2.VideoCapture(build(real_root).samples[0]['filename'])
    first = (NUM_REAL_FRAMES - 4) // 2
    video = [cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(first + 4)][first:]
    assert np.abs(clip.astype(int) - np.stack(video)).mean() < 3  # JPEG; any mix-up is more


def test_two_streams_take_the_same_moment(real_root):
    stream = dict(type='UCF101Dataset', data_root=str(real_root), source='frames')
    flow_steps = [
        PIPELINE[0],
        SAMPLING,
        PIPELINE[2],
        dict(type='CenterCrop', size=64),
        dict(type='PackClips'),
    ]
    dataset = DATASETS.build(
        dict(
            type='TwoStreamDataset',
            rgb=dict(stream, pipeline=PIPELINE),
            flow=dict(stream, pipeline=flow_steps),
        )
    )
    batch = next(iter(ClipLoader(dataset, EpochSampler(4, 2), num_workers=2)))
    assert batch['rgb'].shape == (2, 1, 8, 64, 64, 3) and batch['flow'].shape == (
        2,
        1,
        8,
        64,
        64,
        2,
    )
    assert set(np.diff(batch['flow'][0, 0, :, 5, 5, 0].astype(int))) == {2}  # frame_interval


def break_video(path, how):
    data = path.read_bytes()
    if how == 'empty':
        path.write_bytes(b'')
    elif how == 'truncated':
        path.write_bytes(data[: len(data) // 3])
    else:
        path.write_bytes(cv2.imencode('.png', np.zeros((64, 64, 3), np.uint8))[1].tobytes())


@pytest.mark.parametrize('how', ['empty', 'truncated', 'picture'])
def test_a_broken_video_is_replaced_in_training_and_stops_testing(real_root, tmp_path, how):
    root = tmp_path / 'root'
    shutil.copytree(real_root, root, ignore=shutil.ignore_patterns('rawframes', 'flow'))
    broken = root / 'videos' / 'Class2' / 'v_Class2_g02_c01.avi'
    break_video(broken, how)
    loader = ClipLoader(build(root), EpochSampler(4, 4, shuffle=False), num_steps=2)
    seen = np.concatenate([batch['index'] for batch in loader])
    if how != 'truncated':  # clips from its sound part are right
        assert list(seen) == [0, 2, 2, 3] * 2
    reported = {(report.name, report.path) for report in loader.damaged}
    assert reported <= {('Class2/v_Class2_g02_c01', str(broken))}
    whole = [PIPELINE[0], dict(SAMPLING, mode='whole'), *PIPELINE[2:]]
    dataset = build(root, subset='test', test_mode=True)
    dataset.pipeline = type(dataset.pipeline)(whole)
    with pytest.raises(DamagedSampleError, match='v_Class2_g02_c01.avi: '):
        list(ClipLoader(dataset, SequentialSampler(4, 1), start_step=1))


def test_a_gap_in_a_frame_folder_is_named(real_root, tmp_path):
    root = tmp_path / 'root'
    shutil.copytree(real_root, root, ignore=shutil.ignore_patterns('videos'))
    gap = root / 'rawframes' / 'Class1' / 'v_Class1_g01_c01' / 'image_00013.jpg'
    gap.unlink()
    dataset = build(root, 'frames', test_mode=True)
    with pytest.raises(DamagedSampleError, match='image_00013.jpg: this frame is missing'):
        dataset.load(0, sample_rng(0, 0, 0))
