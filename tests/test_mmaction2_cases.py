"""What mmaction2's own tests expect, expected of i3dbox: the numbers and shapes are theirs.

Left out are cases that others test already: test_mmaction2_steps (dense clips of a test, TenCrop,
the directions of Flip), test_pipelines (what Resize and the crops refuse beyond these),
test_losses (all of theirs but labels of one class as soft ones), test_blending (all of theirs),
test_metrics (ties and absent classes). docs/from_mmaction2.md counts all cases.
"""

import cv2
import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor
from videos import moving_frames, write_video

from i3dbox.errors import AnnotationError, ConfigError, DataError, RegistryError
from i3dbox.evaluation.fusion import fuse
from i3dbox.evaluation.metrics import evaluate
from i3dbox.evaluation.results import Results
from i3dbox.models.preprocess import Preprocess
from i3dbox.registry import DATASETS, LOSSES, PIPELINES

# Sampling


def frames_of(total, test_mode=False, seed=0, type='SampleFrames', **step):
    """Returns the chosen frames, clips x frames, counted from 0."""
    results = dict(total_frames=total, test_mode=test_mode, rng=np.random.default_rng(seed))
    results = PIPELINES.build(dict(type=type, **step))(results)
    return results['frame_inds'].reshape(results['num_clips'], results['clip_len'])


@pytest.mark.parametrize(
    'total, step, wanted',
    [
        (6, dict(clip_len=1, num_clips=8), [[0], [1], [1], [2], [3], [4], [4], [5]]),
        (5, dict(clip_len=6, num_clips=1), [[0, 1, 2, 3, 4, 0]]),
        # twice_sample=True with 2 clips: the table says twice the num_clips
        (40, dict(clip_len=2, num_clips=4, mode='uniform'), [[0, 1], [13, 14], [25, 26], [38, 39]]),
    ],
    ids=['one frame a clip', 'a short video', 'twice the clips'],
)
def test_clips_of_a_test_are_mmaction2s(total, step, wanted):
    assert frames_of(total, test_mode=True, **step).tolist() == wanted


def test_clips_of_a_test_reach_from_start_to_end_as_in_1x():
    # in 0.x they start at 4 and 12
    assert frames_of(20, test_mode=True, clip_len=4, num_clips=2)[:, 0].tolist() == [0, 16]


def test_single_frames_of_a_test_reach_from_the_first_to_the_last():
    # theirs, in later releases of 1.x: 12, 37, 62 and 87, the middle of each part
    found = frames_of(100, test_mode=True, clip_len=1, num_clips=4)
    assert found[:, 0].tolist() == [0, 33, 66, 99]


@pytest.mark.parametrize('seed', range(3))
def test_more_clips_than_frames_are_spread_evenly_in_training(seed):
    step = dict(clip_len=1, num_clips=8, mode='segments')
    assert frames_of(6, seed=seed, **step)[:, 0].tolist() == [0, 1, 2, 2, 3, 4, 4, 5]
    twelve = frames_of(6, seed=seed, **dict(step, num_clips=12))[:, 0]
    assert twelve[0] == 0 and twelve[-1] == 5  # none is past the end, and begins anew


@pytest.mark.parametrize('total', [5, 300])
@pytest.mark.parametrize(
    'step, test_mode, clips',
    [
        (dict(clip_len=3, num_clips=5, mode='segments', keep_tail_frames=True), False, 5),
        (dict(clip_len=3, num_clips=5, mode='segments'), False, 5),
        (dict(clip_len=4, num_clips=5, frame_interval=2, temporal_jitter=True), False, 5),
        (dict(clip_len=12, num_clips=20, mode='segments'), False, 20),
        (dict(clip_len=12, num_clips=2, mode='segments'), False, 2),
        (dict(clip_len=4, num_clips=6), True, 6),
        (dict(clip_len=3, num_clips=6), True, 6),
        (dict(clip_len=12, num_clips=4), True, 4),
        (dict(type='DenseSampleFrames', clip_len=4, num_clips=6), False, 6),
        (dict(type='DenseSampleFrames', clip_len=4, num_clips=6, sample_range=32), False, 6),
        (dict(type='DenseSampleFrames', clip_len=4, num_clips=6, sample_range=1000), False, 6),
        (dict(type='DenseSampleFrames', clip_len=4, num_clips=6, sample_range=32), True, 60),
        (
            dict(
                type='DenseSampleFrames',
                clip_len=4,
                num_clips=6,
                sample_range=32,
                num_sample_positions=5,
            ),
            True,
            30,
        ),
    ],
    ids=str,
)
def test_there_are_as_many_clips_of_frames_that_there_are(total, step, test_mode, clips):
    found = frames_of(total, test_mode, **step)
    assert found.shape == (clips, step['clip_len'])
    assert 0 <= found.min() and found.max() < total


def test_a_clip_that_holds_the_last_frame_never_goes_back():
    step = dict(clip_len=5, num_clips=5, out_of_bound='repeat_last')
    for total in (3, 5, 300):
        assert (np.diff(frames_of(total, **step)) >= 0).all()


# Decoding and loading


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Holds test.avi of 20 frames, and imgs/ with 10 frames of RGB and of flow, from 1 on."""
    folder = tmp_path_factory.mktemp('theirs')
    write_video(folder / 'test.avi', moving_frames(20))
    (folder / 'imgs').mkdir()
    for number, frame in enumerate(moving_frames(10), 1):
        for name, image in (('img', frame), ('x', frame[..., 0]), ('y', frame[..., 1])):
            cv2.imwrite(str(folder / f'imgs/{name}_{number:05}.jpg'), image)
    return folder


def decoded(frame_inds, modality='RGB', **source):
    opened = PIPELINES.build(dict(type='OpenClip'))(dict(source, name='a', modality=modality))
    return PIPELINES.build(dict(type='DecodeClip'))(dict(opened, frame_inds=frame_inds))


@pytest.mark.parametrize('inds', [[0, 2, 4], [[0], [2], [4]], [0], [1, 3], [[1], [3]], [1, 4]])
@pytest.mark.parametrize('source', ['video', 'folder'])
def test_frames_are_decoded_by_their_numbers_in_one_dimension_or_two(folder, source, inds):
    sources = dict(
        video=dict(filename=str(folder / 'test.avi')),
        folder=dict(frame_dir=str(folder / 'imgs'), total_frames=5, start_index=1),
    )
    results = decoded(np.array(inds), **sources[source])
    assert results['total_frames'] == dict(video=20, folder=5)[source]
    assert np.shape(results['imgs']) == (len(inds), 48, 64, 3)
    assert results['img_shape'] == (48, 64)


def test_flow_is_one_frame_of_two_channels_where_theirs_is_two_frames(folder):
    source = dict(frame_dir=str(folder / 'imgs'), total_frames=5, filename_tmpl='{}_{:05d}.jpg')
    assert np.shape(decoded(np.arange(0, 5, 2), 'Flow', **source)['imgs']) == (3, 48, 64, 2)


# Processing


def numbered(height, width, frames=2):
    """Returns frames whose pixels say where they are: (left, top)."""
    left, top = np.meshgrid(np.arange(width), np.arange(height))
    return [np.stack([left, top], -1)] * frames


def processed(imgs, modality='RGB', seed=0, **step):
    rng = np.random.default_rng(seed)
    results = dict(imgs=imgs, modality=modality, num_clips=1, test_mode=False, rng=rng)
    return PIPELINES.build(step)(results)


def boxes(results):
    """Returns (left, top, right, bottom) of the frames of `numbered`, of each clip."""
    corners = [(*img[0, 0], *(img[-1, -1] + 1)) for img in results['imgs'][::2]]
    return [tuple(map(int, corner)) for corner in corners]


@pytest.mark.parametrize('width', [341, 224, 225])
@pytest.mark.parametrize('seed', range(3))
def test_a_random_crop_lies_in_the_frame(width, seed):
    results = processed(numbered(224, width), type='RandomCrop', size=224, seed=seed)
    ((left, top, right, bottom),) = boxes(results)
    assert results['img_shape'] == (224, 224) == (bottom - top, right - left)
    assert 0 <= left and right <= width and (top, bottom) == (0, 224)


def test_a_crop_larger_than_the_frame_is_refused():
    with pytest.raises(DataError, match='RandomCrop to 320 x 320 does not fit'):
        processed(numbered(224, 341), type='RandomCrop', size=320)


@pytest.mark.parametrize('seed', range(5))
def test_a_random_resized_crop_keeps_to_area_and_shape(seed):
    height, width = processed(numbered(256, 341), type='RandomResizedCrop', seed=seed)['img_shape']
    assert 0.08 - 0.01 <= height * width / (256 * 341) <= 1.01
    assert 3 / 4 - 0.01 <= height / width <= 4 / 3 + 0.01


def test_a_random_resized_crop_that_never_fits_is_the_middle_square():
    step = dict(area_range=(0.9, 0.9), aspect_ratio_range=(10.0, 10.1))
    results = processed(numbered(256, 341), type='RandomResizedCrop', **step)
    assert results['img_shape'] == (256, 256)


@pytest.mark.parametrize('places', [dict(), dict(num_fixed_crops=13), dict(random_crop=True)])
def test_a_multi_scale_crop_is_the_short_side_or_four_fifths_of_it(places):
    step = dict(type='MultiScaleCrop', input_size=224, scales=(1, 0.8), max_wh_scale_gap=0)
    found = {
        processed(numbered(256, 341), seed=seed, **step, **places)['img_shape']
        for seed in range(20)
    }
    assert found == {(256, 256), (204, 204)}


def test_the_middle_is_cut_out_where_mmaction2_does():
    assert boxes(processed(numbered(240, 320), type='CenterCrop', size=224)) == [(48, 8, 272, 232)]


def test_three_crops_are_in_their_order_from_start_to_end():
    found = boxes(processed(numbered(240, 120), type='ThreeCrop', size=120))
    assert found == [(0, 0, 120, 120), (0, 60, 120, 180), (0, 120, 120, 240)]
    same = boxes(processed(numbered(224, 224), type='ThreeCrop', size=224))
    assert same == 3 * [(0, 0, 224, 224)]


def test_the_last_of_three_crops_ends_with_a_frame_of_odd_room():
    # theirs are at 0, 4 and 2 of a room of 5
    found = boxes(processed(numbered(8, 13), type='ThreeCrop', size=8))
    assert [left for left, *_ in found] == [0, 2, 5]


@pytest.mark.parametrize(
    'step, wanted',
    [
        (dict(scale=(-1, 256)), (256, 341)),
        (dict(scale=(320, 320), keep_ratio=False), (320, 320)),
        (dict(scale=(341, 256), keep_ratio=False), (256, 341)),
    ],
    ids=str,
)
def test_a_resize_gives_their_sizes(step, wanted):
    imgs = [np.zeros((240, 320, 3), np.uint8)]
    results = processed(imgs, type='Resize', **step)
    assert results['img_shape'] == wanted == results['imgs'][0].shape[:2]


def test_flow_that_is_flipped_goes_the_other_way():
    x, y = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    (found,) = processed([np.stack([x, y], -1)], 'Flow', type='Flip', flip_ratio=1)['imgs']
    np.testing.assert_array_equal(found[..., 0], 255 - np.fliplr(x))
    np.testing.assert_array_equal(found[..., 1], np.fliplr(y))


@pytest.mark.parametrize('label, wanted', [(4, 6), (3, 3)])
def test_a_flip_maps_the_label_that_it_is_told(label, wanted):
    step = PIPELINES.build(dict(type='Flip', flip_ratio=1, flip_label_map={4: 6}))
    rng = np.random.default_rng(0)
    imgs = [np.zeros((4, 4, 3), np.uint8)]
    results = dict(imgs=imgs, modality='RGB', test_mode=False, rng=rng, label=label)
    assert step(results)['label'] == wanted


@pytest.mark.parametrize(
    'step',
    [
        *[
            {'type': type, name: size}
            for type, name in (
                ('CenterCrop', 'size'),
                ('ThreeCrop', 'size'),
                ('TenCrop', 'size'),
                ('MultiScaleCrop', 'input_size'),
            )
            for size in (0.5, '224')
        ],
        dict(type='MultiScaleCrop', input_size=224, num_fixed_crops=6),
        dict(type='RandomResizedCrop', area_range=0.5),
        dict(type='RandomResizedCrop', area_range=(0.9, 0.7)),
        dict(type='RandomResizedCrop', aspect_ratio_range=0.1),
        dict(type='RandomResizedCrop', aspect_ratio_range=(-0.1, 2.0)),
        dict(type='Resize', scale=-0.5),
        dict(type='Resize', scale='224'),
        dict(type='Flip', direction='vertically'),
    ],
    ids=str,
)
def test_what_mmaction2_refuses_is_refused(step):
    with pytest.raises(ConfigError, match=step['type']):
        PIPELINES.build(step)


@pytest.mark.parametrize(
    'step',
    [
        dict(type='RandomCrop', size=(112, 112)),
        dict(type='MultiScaleCrop', input_size=224, scales=[1]),
    ],
    ids=str,
)
def test_pairs_and_lists_that_mmaction2_refuses_are_taken(step):
    assert processed(numbered(240, 320), **step)['img_shape'] in ((112, 112), (240, 240))


def test_colours_change_by_what_is_given_alone():
    imgs = moving_frames(2)
    with pytest.raises(ConfigError, match='brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1'):
        processed(imgs, type='ColorJitter')
    step = dict(brightness=0.5, contrast=0.5, saturation=0.5, hue=0.1)
    changed = processed(imgs, type='ColorJitter', **step)['imgs']
    assert np.shape(changed) == np.shape(imgs) and changed[0].dtype == np.uint8
    assert (changed[0] != imgs[0]).any()


# Formatting


@pytest.mark.parametrize('clips, crops, wanted', [(1, 1, (1, 3, 3, 8, 8)), (2, 3, (6, 3, 3, 8, 8))])
def test_clips_are_packed_and_get_their_layout_on_the_device(clips, crops, wanted):
    imgs = [np.full((8, 8, 3), value, np.uint8) for value in (0, 255, 51)] * clips * crops
    packed = PIPELINES.build(dict(type='PackClips'))(dict(imgs=imgs, num_clips=clips * crops))
    assert packed['imgs'].shape == (clips * crops, 3, 8, 8, 3)
    found = Preprocess()(Tensor(packed['imgs'][None])).asnumpy()
    assert found.shape == wanted
    # theirs are by mean and std of the config
    np.testing.assert_allclose(found[0, 0, :, 0, 0], [-1, 1, -0.6], atol=1e-6)


@pytest.mark.parametrize('layout', ['NHWC', 'NCTHW'])
def test_a_layout_is_refused_with_what_packs_clips_here(layout):
    with pytest.raises(RegistryError, match='here: PackClips, the last step'):
        PIPELINES.build(dict(type='FormatShape', input_format=layout))


# Lists and data sets


def data_set(folder, lines, type='RawframeDataset', kind='img', **options):
    """Builds one of a list, with mmaction2's steps for its tests; returns it and its first item."""
    ann_file = folder / 'list.txt'
    ann_file.write_text(lines)
    clip = dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=1)
    options['pipeline'] = [dict(type='OpenClip'), clip, dict(type='DecodeClip')]
    options.update(ann_file=str(ann_file), data_prefix={kind: str(folder)}, type=type)
    found = DATASETS.build(options)
    return found, found.load(0, np.random.default_rng(0))


@pytest.mark.parametrize(
    'lines, options, label',
    [
        ('imgs 5 127\n' * 2, dict(), 127),
        ('imgs 5 127\n' * 2, dict(start_index=1), 127),
        ('imgs 2 5 127\n' * 2, dict(with_offset=True, num_classes=400), 127),
        ('imgs 5 127\n' * 2, dict(multi_class=True, num_classes=400), (127,)),
        ('test.avi 0\n' * 2, dict(type='VideoDataset', kind='video'), 0),
        (
            'test.avi 0 3\n' * 2,
            dict(type='VideoDataset', kind='video', multi_class=True, num_classes=100),
            (0, 3),
        ),
    ],
    ids=['frames', 'from 1', 'offset', 'several of frames', 'videos', 'several of videos'],
)
def test_a_list_of_mmaction2s_is_read(folder, lines, options, label):
    found, item = data_set(folder, lines, **options)
    assert len(found) == 2
    assert item['label'] == label and np.shape(item['imgs']) == (32, 48, 64, 3)


@pytest.mark.parametrize(
    'lines, options, message',
    [
        ('imgs 5 127\n' * 2, dict(test_mode=True), 'stands in the list twice'),
        ('imgs 2 5 127\n' * 2, dict(test_mode=True, with_offset=True), 'in the list twice'),
        (
            'imgs 5 127\n' * 2,
            dict(test_mode=True, multi_class=True, num_classes=400),
            'in the list twice',
        ),
        (
            'test.avi 0\n' * 2,
            dict(type='VideoDataset', kind='video', test_mode=True),
            'in the list twice',
        ),
        (
            'test.avi 0 3\ntest.avi 0 2 4\n',
            dict(type='VideoDataset', kind='video', multi_class=True, num_classes=100),
            'has the label',
        ),
        ('imgs 5 1\nimgs 5 3 5\n', dict(multi_class=True, num_classes=100), 'has the label'),
    ],
    ids=[
        'a test',
        'a test with offsets',
        'a test of several',
        'a test of videos',
        'other labels of a video',
        'other labels',
    ],
)
def test_a_video_has_one_answer(folder, lines, options, message):
    with pytest.raises(AnnotationError, match=message):
        data_set(folder, lines, **options)


def test_a_list_whose_files_are_not_there_is_refused_at_once(folder):
    with pytest.raises(DataError, match='2 of 2 entries of the list are not there'):
        data_set(folder, 'nowhere 5 127\n' * 2)


def test_data_sets_are_repeated_and_joined_with_themselves(folder):
    data_set(folder, 'imgs 5 127\n' * 2)
    steps = [dict(type='OpenClip'), dict(type='SampleFrames', clip_len=32), dict(type='DecodeClip')]
    part = dict(
        type='RawframeDataset',
        ann_file=str(folder / 'list.txt'),
        data_prefix=str(folder),
        pipeline=steps,
    )
    twice = dict(type='RepeatDataset', dataset=part, times=2)
    for cfg, size, places in (
        (dict(twice, times=5), 10, (0, 2)),
        (dict(type='ConcatDataset', datasets=[part, twice]), 6, (0, 4)),
    ):
        found = DATASETS.build(cfg)
        first, other = (found.load(place, np.random.default_rng(0)) for place in places)
        assert len(found) == size
        np.testing.assert_array_equal(first['imgs'], other['imgs'])
        assert first['label'] == other['label'] == 127


# Metrics

LOGITS = np.array(
    [
        [-0.2203, -0.7538, 1.8789, 0.4451, -0.2526],
        [-0.0413, 0.6366, 1.1155, 0.3484, 0.0395],
        [0.0365, 0.5158, 1.1067, -0.9276, -0.2124],
        [0.6232, 0.9912, -0.8562, 0.0148, 1.6413],
    ]
)
SHARES = np.array(
    [
        [0.1, 0.2, 0.3, 0.4],
        [0.2, 0.3, 0.4, 0.1],
        [0.3, 0.4, 0.1, 0.2],
        [0.4, 0.1, 0.2, 0.3],
        [0.25, 0.1, 0.3, 0.35],
        [0.2, 0.15, 0.3, 0.35],
    ]
)


@pytest.mark.parametrize(
    'topk, labels, wanted',
    [
        ((1,), [3, 1, 1, 1], [0]),
        ((1,), [2, 0, 4, 3], [0.25]),
        ((1,), [2, 2, 3, 1], [0.5]),
        ((1,), [2, 2, 2, 3], [0.75]),
        ((1,), [2, 2, 2, 4], [1]),
        ((1, 2), [3, 1, 1, 1], [0, 1]),
        ((1, 2), [3, 1, 2, 3], [0.25, 0.75]),
        ((1, 3, 5), [1, 0, 3, 2], [0, 0, 1]),
        ((1, 3, 5), [1, 3, 4, 0], [0, 0.5, 1]),
        ((1, 3, 5), [2, 3, 0, 2], [0.25, 0.75, 1]),
    ],
)
def test_top_k_accuracy_is_theirs(topk, labels, wanted):
    found = evaluate([dict(type='top_k_accuracy', topk=topk)], LOGITS, np.array(labels))
    assert found == {f'top{k}_acc': share for k, share in zip(topk, wanted)}


@pytest.mark.parametrize(
    'labels, wanted',
    [
        ([1, 4, 0, 2], 0),
        ([2, 0, 4, 3], 0.25),
        ([4, 2, 2, 4], 0.75),
        ([2, 2, 2, 4], 1),
        # theirs is 1 / 3: class 4, which has no sample, counts as 0 for it was predicted
        ([2, 2, 2, 3], 1 / 2),
    ],
)
def test_mean_class_accuracy_is_theirs_over_the_classes_that_there_are(labels, wanted):
    found = evaluate(['mean_class_accuracy'], LOGITS, np.array(labels))
    assert found == {'mean_class_acc': pytest.approx(wanted)}


@pytest.mark.parametrize(
    'labels, wanted',
    [
        ([[1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 1, 0], [1, 1, 0, 1]], 2 / 3),
        ([[0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 1]], 26 / 36),
    ],
)
def test_mean_average_precision_is_theirs(labels, wanted):
    found = evaluate(['mean_average_precision'], SHARES[:4], np.array(labels))
    assert found == {'mean_average_precision': pytest.approx(wanted)}


def test_average_precision_over_the_classes_of_a_sample_is_theirs():
    scores, labels = np.array([[0.1, 0.4, 0.35, 0.8]]), np.array([[0, 0, 1, 1]])
    found = evaluate(['mmit_mean_average_precision'], scores, labels)
    assert found == {'mmit_mean_average_precision': pytest.approx((1 + 2 / 3) / 2)}


def test_what_is_all_right_has_one_for_every_figure():
    scores = np.random.default_rng(0).normal(size=(320, 32))
    found = evaluate(['top_k_accuracy', 'mean_class_accuracy'], scores, scores.argmax(1))
    assert found == dict(top1_acc=1, top5_acc=1, mean_class_acc=1)
    every = np.ones((320, 32), int)
    found = evaluate(['mean_average_precision', 'mmit_mean_average_precision'], scores, every)
    assert list(found.values()) == [pytest.approx(1)] * 2


def test_figures_of_chance_stand_in_order():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(320, 32)), rng.integers(0, 32, 320)
    found = evaluate(['top_k_accuracy', 'mean_class_accuracy'], scores, labels)
    assert 0 <= found['top1_acc'] <= found['top5_acc'] <= 1
    assert 0 <= found['mean_class_acc'] <= 1


def test_a_confusion_matrix_is_theirs():
    scores = np.array([[7, 0, 3], [5, 2, 3], [4, 5, 1], *[[0, 0, 10]] * 3]) / 10
    found = evaluate(['confusion_matrix'], scores, np.array([0, 0, 1, 2, 1, 0]))
    assert found['confusion_matrix'].tolist() == [[2, 0, 1], [0, 1, 1], [0, 0, 1]]


def test_a_class_without_samples_keeps_its_row():
    found = evaluate(['confusion_matrix'], SHARES[:2], np.array([3, 2]))['confusion_matrix']
    assert found.shape == (4, 4) and found.sum() == 2  # theirs: 2 x 2


@pytest.mark.parametrize(
    'labels, wanted',
    [
        ([3, 2, 2, 1, 3, 3], [(3, 1.0), (2, 0.5), (1, 0.0)]),
        ([3, 2, 1, 1, 3, 0], [(0, 0.0), (1, 0.5), (2, 1.0)]),
    ],
)
def test_the_accuracy_of_each_class_is_that_of_their_best_and_worst(labels, wanted):
    recall = evaluate(['per_class'], SHARES, np.array(labels))['recall']
    assert [recall[label] for label, _ in wanted] == [share for _, share in wanted]


@pytest.mark.parametrize('weights', [[1.0], [2.0, 1.0]])
def test_streams_are_added_by_their_weights(weights):
    names, labels = list('abcd'), np.zeros(4, np.int32)
    both = np.array([LOGITS, np.roll(LOGITS, -1, 0)], np.float32)
    parts = {str(i): Results(names, labels, both[i]) for i in range(len(weights))}
    wanted = sum(weight * part for weight, part in zip(weights, both))
    np.testing.assert_allclose(fuse(parts, weights).scores, wanted, rtol=1e-6)


# Losses


@pytest.mark.slow
@pytest.mark.parametrize('weights', [None, [0.5, 2.0, 1.0, 1.25]], ids=['alike', 'weighted'])
def test_labels_of_one_class_are_the_same_as_soft_ones(weights):
    loss = LOSSES.build(dict(type='CrossEntropyLoss', class_weight=weights))
    logits = Tensor(SHARES[:3].astype(np.float32))
    hard = loss(logits, Tensor([0, 1, 2], ms.int32)).asnumpy()
    soft = loss(logits, Tensor(np.eye(4, dtype=np.float32)[:3])).asnumpy()
    assert hard == pytest.approx(soft, abs=1e-6)
    logs = SHARES[:3] - np.log(np.exp(SHARES[:3]).sum(1, keepdims=True))
    weight = np.array(weights or [1] * 4)[:3]
    assert hard == pytest.approx(-(weight * logs.diagonal()).sum() / weight.sum(), abs=1e-5)


# Names


@pytest.mark.parametrize(
    'parts, config, here',
    [
        (DATASETS, dict(type='RepeatAugDataset'), 'not built: RepeatDataset draws anew'),
        (DATASETS, dict(type='VideoDataset', start_index=3), 'frames of a video count from 0'),
        (
            PIPELINES,
            dict(type='UntrimmedSampleFrames'),
            "not built: SampleFrames with mode='dense'",
        ),
        (PIPELINES, dict(type='DenseSampleFrames', test_mode=True), 'sample without chance'),
        (
            PIPELINES,
            dict(type='DenseSampleFrames', out_of_bound_opt='loop'),
            "out_of_bound, 'loop' or",
        ),
        (PIPELINES, dict(type='Resize', lazy=True), 'frames are views until PackClips'),
        (LOSSES, dict(type='CrossEntropyLoss', loss_weight=1.0), 'a run has one loss'),
    ],
    ids=str,
)
def test_what_is_called_otherwise_is_told(parts, config, here):
    with pytest.raises(RegistryError, match=f"It is mmaction2's; here: .*{here}"):
        parts.build(config)
