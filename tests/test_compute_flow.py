"""Flow on the fly: the flow stream straight from videos."""

import numpy as np
import pytest
from videos import moving_frames, write_video

from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.pipelines import Compose
from i3dbox.datasets.sampler import EpochSampler
from i3dbox.errors import ConfigError, DamagedSampleError, RegistryError
from i3dbox.preparation.extraction import extract
from i3dbox.preparation.sources import find_videos
from i3dbox.registry import DATASETS

OPEN, DECODE, PACK = (dict(type=name) for name in ('OpenClip', 'DecodeClip', 'PackClips'))
RESIZE, FLOW = dict(type='Resize', short_side=40), dict(type='ComputeFlow', method='dis')
CROPS = [dict(type='RandomCrop', size=32), dict(type='Flip')]


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Three videos of 64 x 48, their flow at a short side of 40 by DIS, and split files."""
    root = tmp_path_factory.mktemp('data')
    (root / 'videos/a').mkdir(parents=True)
    for i in range(3):
        write_video(root / f'videos/a/v{i}.avi', moving_frames(7 + i, seed=i))
    extract(
        'Flow',
        find_videos(str(root / 'videos')),
        str(root / 'flow'),
        0,
        method='dis',
        short_side=40,
        quality=100,
    )
    (root / 'splits').mkdir()
    (root / 'splits/classInd.txt').write_text('1 a\n')
    (root / 'splits/trainlist01.txt').write_text(''.join(f'a/v{i}.avi 1\n' for i in range(3)))
    return root


def build(root, source, *steps, **kwargs):
    pipeline = [OPEN, dict(type='SampleFrames', clip_len=4), DECODE, *steps, PACK]
    return DATASETS.build(
        dict(
            type='UCF101Dataset',
            data_root=str(root),
            modality='Flow',
            source=source,
            pipeline=pipeline,
            **kwargs,
        )
    )


def load(dataset, index=0, seed=0):
    return dataset.load(index, np.random.default_rng(seed))['imgs']


def test_flow_from_videos_is_the_prepared_flow_up_to_jpeg(root):
    live, prepared = (build(root, source, RESIZE, FLOW, *CROPS) for source in ('video', 'frames'))
    for index in range(3):
        for seed in range(4):  # other clips, crops and flips
            ours, theirs = load(live, index, seed), load(prepared, index, seed)
            assert ours.shape == theirs.shape == (1, 4, 32, 32, 2)
            assert np.abs(np.subtract(ours, theirs, dtype=int)).mean() < 1


def test_a_looped_short_video_repeats_its_flow_and_has_none_across_the_seam(root):
    steps = [RESIZE, FLOW, dict(type='CenterCrop', size=32)]
    looped = dict(type='SampleFrames', clip_len=14, mode='centre')
    clips = {}
    for source in ('video', 'frames'):
        dataset = build(root, source)
        dataset.pipeline = Compose([OPEN, looped, DECODE, *steps, PACK])
        clips[source] = load(dataset)[0]
    assert (clips['video'][:6] == clips['video'][6:12]).all()  # 7 frames have 6 flow images
    assert np.abs(np.subtract(clips['video'], clips['frames'], dtype=int)).mean() < 1


def test_the_flow_may_be_computed_behind_crops_and_flips(root):
    behind = [dict(type='ThreeCrop', size=(32, 32)), dict(type='Flip', flip_ratio=1), FLOW]
    before = [FLOW, dict(type='ThreeCrop', size=(32, 32)), dict(type='Flip', flip_ratio=1)]
    ours, theirs = (load(build(root, 'video', RESIZE, *steps)) for steps in (behind, before))
    assert ours.shape == (3, 4, 32, 32, 2)
    assert np.median(np.abs(np.subtract(ours, theirs, dtype=int))) <= 2  # but for the borders


def test_rgb_and_prepared_flow_pass_unchanged(root):
    for modality, channels in (('RGB', 3), ('Flow', 2)):
        imgs = [np.zeros((4, 4, channels), np.uint8)]
        results = Compose([dict(type='ComputeFlow', method='no such method')])(
            dict(imgs=imgs, modality=modality)
        )
        assert results['imgs'] is imgs


def test_two_streams_from_the_videos_alone_take_the_same_moment(root):
    stream = dict(
        type='UCF101Dataset',
        data_root=str(root),
        source='video',
        pipeline=[OPEN, dict(type='SampleFrames', clip_len=4), DECODE, RESIZE, FLOW, *CROPS, PACK],
    )
    dataset = DATASETS.build(dict(type='TwoStreamDataset', rgb=stream, flow=stream))
    batch = next(iter(ClipLoader(dataset, EpochSampler(3, 3, seed=1), num_workers=2)))
    assert batch['rgb'].shape == (3, 1, 4, 32, 32, 3) and batch['flow'].shape == (
        3,
        1,
        4,
        32,
        32,
        2,
    )
    other = next(
        iter(ClipLoader(dataset, EpochSampler(3, 3, seed=1), num_workers=2, worker='process'))
    )
    np.testing.assert_array_equal(batch['flow'], other['flow'])


def test_a_pipeline_without_the_step_is_told_what_it_lacks(root):
    with pytest.raises(
        ConfigError, match='the flow of a video is computed by the step ComputeFlow'
    ):
        load(build(root, 'video', RESIZE))


def test_a_method_that_does_not_exist_is_named(root):
    with pytest.raises(RegistryError, match="no flow method is called 'tvl'. Did you mean 'tvl1'"):
        load(build(root, 'video', dict(type='ComputeFlow', method='tvl')))
    with pytest.raises(ConfigError, match='bound is a number'):
        build(root, 'video', dict(type='ComputeFlow', bound=0))


def test_a_video_of_one_frame_has_no_flow(root, tmp_path):
    write_video(tmp_path / 'one.avi', moving_frames(1))
    (tmp_path / 'list.txt').write_text('one.avi 0\n')
    dataset = DATASETS.build(
        dict(
            type='VideoDataset',
            ann_file=str(tmp_path / 'list.txt'),
            modality='Flow',
            data_prefix=str(tmp_path),
            pipeline=[OPEN, dict(type='SampleFrames', clip_len=4), DECODE, FLOW, PACK],
        )
    )
    with pytest.raises(DamagedSampleError, match='one.avi: a single frame has no flow'):
        load(dataset)
