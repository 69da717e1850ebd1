"""Data sets made of others."""

import collections

import numpy as np
import pytest
from fake_data import Damage, DrawClip, FakeDataset

from i3dbox.config import Config
from i3dbox.config_checks.protocols import apply_protocol, pipelines, simple, subsets
from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import EpochSampler
from i3dbox.errors import AnnotationError, ConfigError, DamagedSampleError, DataError
from i3dbox.media.folder_index import rooted
from i3dbox.registry import DATASETS


class Others(FakeDataset):
    """Samples of other names, with the labels that are given."""

    def __init__(self, labels, letter='o', **kwargs):
        self.labels = labels
        self.letter = letter
        super().__init__(len(labels), **kwargs)

    def load_annotations(self):
        return [dict(name=f'{self.letter}{i}', label=label) for i, label in enumerate(self.labels)]


def build(type, **kwargs):
    return DATASETS.build(dict(type=type, **kwargs))


def names(dataset):
    return [sample['name'] for sample in dataset.samples]


def joined(**kwargs):
    parts = [dict(type=FakeDataset, size=3), dict(type=Others, labels=[1, 0])]
    return build('ConcatDataset', datasets=parts, **kwargs)


def test_joined_data_sets_follow_each_other():
    dataset = joined()
    assert names(dataset) == ['s0', 's1', 's2', 'o0', 'o1']
    assert dataset.num_classes == 3 and dataset.modality == 'RGB'
    loaded = dataset.load(4, np.random.default_rng(0))
    assert loaded['index'] == 4 and loaded['name'] == 'o1' and loaded['label'] == 0
    assert loaded['imgs'][0, 0, 0, 0, 0] == 1  # its place in its own data set


def test_a_repeated_data_set_draws_anew_each_time():
    dataset = build('RepeatDataset', dataset=dict(type=FakeDataset, size=2), times=3)
    assert names(dataset) == ['s0', 's1', 's0 (2)', 's1 (2)', 's0 (3)', 's1 (3)']
    loader = ClipLoader(dataset, EpochSampler(6, batch_size=6, seed=0))
    (batch,) = loader
    assert sorted(batch['index']) == [*range(6)]
    assert len({clip.tobytes() for clip in batch['imgs']}) == 6


@pytest.mark.parametrize('workers', [1, 3])
def test_their_order_depends_on_no_worker(workers):
    def batches(workers):
        sampler = EpochSampler(5, batch_size=2, seed=7)
        return list(ClipLoader(joined(), sampler, num_workers=workers, num_steps=6))

    for found, wanted in zip(batches(workers), batches(0)):
        for key, value in wanted.items():
            np.testing.assert_array_equal(found[key], value)


def test_rare_classes_come_as_often_as_lvis_says():
    labels = [0] * 80 + [1] * 16 + [2] * 4
    parts = dict(type=Others, labels=labels)
    dataset = build('ClassBalancedDataset', dataset=parts, oversample_thr=0.4)
    counts = collections.Counter(sample['label'] for sample in dataset.samples)
    # ceil(sqrt(0.4 / 0.16)) = 2 and ceil(sqrt(0.4 / 0.04)) = 4
    assert counts == {0: 80, 1: 32, 2: 16}
    same = build('ClassBalancedDataset', dataset=parts, oversample_thr=0.01)
    assert len(same) == 100


def test_they_may_stand_in_each_other():
    dataset = build(
        'RepeatDataset',
        times=2,
        dataset=dict(
            type='ConcatDataset',
            datasets=[dict(type=FakeDataset, size=1), dict(type=Others, labels=[1])],
        ),
    )
    assert names(dataset) == ['s0', 'o0', 's0 (2)', 'o0 (2)']


def test_a_damaged_sample_is_replaced_by_the_next_of_all():
    pipeline = [dict(type=DrawClip), dict(type=Damage, places=[2])]
    parts = [dict(type=FakeDataset, size=3, pipeline=pipeline), dict(type=Others, labels=[1])]
    dataset = build('ConcatDataset', datasets=parts)
    results, (report,) = dataset.get(2, np.random.default_rng(0))
    assert results['name'] == report.replacement == 'o0' and report.name == 's2'
    dataset = build('ConcatDataset', datasets=parts, test_mode=True)
    with pytest.raises(DamagedSampleError):
        dataset.get(2, np.random.default_rng(0))


def test_one_video_has_one_answer_in_a_test():
    with pytest.raises(AnnotationError, match="two samples are called 's0'"):
        build('RepeatDataset', dataset=dict(type=FakeDataset, size=1), times=2, test_mode=True)


def test_other_videos_of_one_name_are_not_joined():
    parts = [dict(type=FakeDataset, size=1), dict(type=FakeDataset, size=1)]
    with pytest.raises(AnnotationError, match="two samples are called 's0'"):
        build('ConcatDataset', datasets=parts)


@pytest.mark.parametrize(
    'config, error, message',
    [
        (dict(type='ConcatDataset', datasets=[]), ConfigError, 'datasets is a list of data sets'),
        (dict(type='RepeatDataset', dataset=1, times=0), ConfigError, 'times is a whole number'),
        (
            dict(type='ClassBalancedDataset', dataset=1, oversample_thr=0),
            ConfigError,
            'oversample_thr is a number above 0',
        ),
        (
            dict(
                type='ConcatDataset',
                datasets=[
                    dict(type=FakeDataset, size=1),
                    dict(type=Others, labels=[1], modality='Flow'),
                ],
            ),
            DataError,
            'ConcatDataset joins RGB and Flow',
        ),
    ],
)
def test_what_cannot_be_joined_is_refused(config, error, message):
    with pytest.raises(error, match=message):
        DATASETS.build(config)


def test_a_modality_is_for_all_parts():
    assert {part.modality for part in joined(modality='Flow').parts} == {'Flow'}


def test_a_protocol_and_data_root_reach_every_part():
    def part(root):
        steps = [dict(type='SampleFrames', clip_len=4), dict(type='CenterCrop', size=8)]
        return dict(type='UCF101Dataset', data_root=root, subset='test', pipeline=steps)

    test = dict(
        type='ConcatDataset',
        datasets=[part('a'), dict(type='RepeatDataset', times=1, dataset=part('b'))],
    )
    protocols = dict(views=dict(frames=dict(mode='uniform', num_clips=2)))
    cfg = Config(dict(model=dict(), data=dict(test=test), protocols=protocols))
    assert [part['data_root'] for part in rooted(cfg.data)] == ['a', 'b']
    apply_protocol(cfg, 'views')
    first, second = simple(cfg.data.test)
    assert first.pipeline == second.pipeline
    assert first.pipeline[0] == dict(type='SampleFrames', clip_len=4, mode='uniform', num_clips=2)
    assert pipelines(cfg.data.test) == {'imgs': first.pipeline}
    assert subsets(cfg.data.test) == ['test']


def test_a_step_that_changes_labels_is_known_of():
    turns = [dict(type='Flip', flip_label_map={1: 0})]
    for pipeline, changes in ((turns, True), ([dict(type='Flip')], False)):
        inner = dict(type=FakeDataset, size=1, pipeline=pipeline)
        assert build('RepeatDataset', dataset=inner, times=2).changes_label == changes
