"""Clips of a batch are blended on the device as the host has drawn it, and labels with them."""

import mindspore as ms
import numpy as np
import pytest
import tiny
from mindspore import Tensor
from test_several_labels import SEVERAL
from test_training import STEPS, assert_same_checkpoint, config, lines

from i3dbox.apis.train import train
from i3dbox.commands import main
from i3dbox.datasets.loader import ClipLoader
from i3dbox.datasets.sampler import EpochSampler
from i3dbox.engine.blend import Blend, BlendingLoader, rows_of
from i3dbox.engine.blendings import Mixture
from i3dbox.engine.train_step import share_right
from i3dbox.errors import ConfigError, RegistryError
from i3dbox.registry import BLENDINGS

MIXUP = dict(type='MixupBlending', alpha=0.8)
CUTMIX = dict(type='CutmixBlending', alpha=1.0)
HEIGHT, WIDTH = 4, 6


@pytest.fixture(scope='module')
def blend():
    ms.set_context(mode=ms.GRAPH_MODE)
    network = Blend(3)

    def blend(clips, label, rows):
        (found,), targets = network((Tensor(clips),), Tensor(label), Tensor(rows))
        return found.asnumpy(), targets.asnumpy()

    return blend


@pytest.fixture
def clips():
    return np.random.default_rng(0).integers(0, 256, (3, 1, 2, HEIGHT, WIDTH, 3), np.uint8)


LABEL = np.array([0, 1, 2], np.int32)
ONE_HOT = np.eye(3, dtype=np.float32)


def test_mixup_adds_clips_and_labels_by_one_share(blend, clips):
    order = [2, 0, 1]
    found, targets = blend(clips, LABEL, rows_of(Mixture(0.25), order, HEIGHT, WIDTH))
    wanted = 0.25 * clips.astype(np.float32) + 0.75 * clips[order]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    np.testing.assert_allclose(targets, 0.25 * ONE_HOT + 0.75 * ONE_HOT[order])


def test_cutmix_puts_a_box_into_all_frames_and_labels_go_by_area(blend, clips):
    order = [1, 2, 0]
    rows = rows_of(Mixture(box=(1, 3, 2, 6)), order, HEIGHT, WIDTH)
    found, targets = blend(clips, LABEL, rows)
    wanted = clips.copy()
    wanted[..., 1:3, 2:6, :] = clips[order][..., 1:3, 2:6, :]
    np.testing.assert_array_equal(found, wanted)
    share = 1 - 8 / 24
    np.testing.assert_allclose(targets, share * ONE_HOT + (1 - share) * ONE_HOT[order], rtol=1e-6)


def test_labels_that_are_soft_already_are_blended_too(blend, clips):
    soft = np.array([[1, 1, 0], [0, 0, 0], [0.5, 0, 0.5]], np.float32)
    _, targets = blend(clips, soft, rows_of(Mixture(0.5), [1, 2, 0], HEIGHT, WIDTH))
    np.testing.assert_allclose(targets, (soft + soft[[1, 2, 0]]) / 2)


def test_the_first_answer_counts_by_its_share_in_the_label():
    logits = Tensor(np.array([[3, 1, 0], [0, 1, 2]], np.float32))
    label = Tensor(np.array([[0.75, 0.25, 0], [0.5, 0.5, 0]], np.float32))
    assert float(share_right(logits, label)) == pytest.approx(0.375)


def draws(cfg, number=2000):
    blending = BLENDINGS.build(cfg)
    rng = np.random.default_rng(0)
    return [blending(rng, 40, 60) for _ in range(number)]


def test_mixups_share_is_of_the_beta_distribution():
    shares = [mixture.share for mixture in draws(MIXUP)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * 0.8 + 1)), rel=0.05)
    assert all(mixture.box == (0, 0, 0, 0) for mixture in draws(MIXUP, 5))


def test_cutmixs_boxes_have_the_frames_form_and_lie_in_it():
    boxes = np.array([mixture.box for mixture in draws(CUTMIX)])
    assert boxes.min() == 0 and boxes[:, 1].max() == 40 and boxes[:, 3].max() == 60
    inner = boxes[(boxes[:, ::2] > 0).all(1) & (boxes[:, 1] < 40) & (boxes[:, 3] < 60)]
    heights, widths = inner[:, 1] - inner[:, 0], inner[:, 3] - inner[:, 2]
    assert np.abs(heights / 40 - widths / 60).max() < 0.08
    mixture = Mixture(box=(0, 20, 0, 30))
    assert mixture.of_label(40, 60) == 0.75


def test_one_of_several_is_drawn_by_its_probability():
    both = draws(dict(type='RandomBatchAugment', augments=[MIXUP, CUTMIX], probs=[0.5, 0.2]))
    mixed = np.mean([mixture.share < 1 for mixture in both])
    boxed = np.mean([mixture.box != (0, 0, 0, 0) for mixture in both])
    assert mixed == pytest.approx(0.5, abs=0.04) and boxed == pytest.approx(0.2, abs=0.03)
    assert np.mean([mixture == Mixture() for mixture in both]) == pytest.approx(0.3, abs=0.04)
    halves = draws(dict(type='RandomBatchAugment', augments=[MIXUP, CUTMIX]))
    assert np.mean([mixture.share < 1 for mixture in halves]) == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize(
    ('cfg', 'fault'),
    [
        (dict(type='MixupBlending', alpha=0), 'MixupBlending: alpha is a number above 0'),
        (dict(type='MixupBlending', num_classes=3), 'leave it out: the head says it'),
        (dict(type='RandomBatchAugment', augments=[]), 'augments is a list'),
        (
            dict(type='RandomBatchAugment', augments=[MIXUP], probs=[0.5, 0.5]),
            'probs are 1 numbers',
        ),
        (
            dict(type='RandomBatchAugment', augments=[MIXUP, CUTMIX], probs=[0.8, 0.5]),
            'the sum of probs',
        ),
    ],
)
def test_what_is_no_blending_is_told(cfg, fault):
    with pytest.raises((ConfigError, RegistryError), match=fault):
        BLENDINGS.build(cfg)


def test_what_is_drawn_follows_from_seed_step_and_rank():
    def loader(start_step=0, rank=0, seed=0):
        dataset = tiny.TinyDataset(size=24)
        sampler = EpochSampler(24, 4, 2, seed)
        clips = ClipLoader(dataset, sampler, rank, start_step=start_step, num_steps=3)
        return BlendingLoader(clips, BLENDINGS.build(MIXUP), 8, 8)

    straight = [batch['blending'] for batch in loader()]
    assert straight[0].dtype == np.float32 and straight[0].shape == (4, 7)
    assert sorted(straight[0][:, 0]) == [0, 1, 2, 3]
    resumed = [batch['blending'] for batch in loader(start_step=1)]
    np.testing.assert_array_equal(resumed[0], straight[1])
    for other in (loader(rank=1), loader(seed=1), loader(start_step=1)):
        assert (next(iter(other))['blending'] != straight[0]).any()
    assert loader().specs(('imgs', 'blending', 'label')) == [
        ([4, 1, 4, 8, 8, 3], np.uint8),
        ([4, 7], np.float32),
        ([4], np.int32),
    ]


@pytest.mark.slow
def test_a_run_with_it_learns_and_goes_on_bit_for_bit_where_it_stopped(tmp_path):
    recipe = dict(
        hooks=STEPS,
        blending=dict(type='RandomBatchAugment', augments=[MIXUP, CUTMIX]),
        total_epochs=4,
    )
    train(config(tmp_path, 'straight', **recipe))
    losses = [line['loss'] for line in lines(tmp_path / 'straight')]
    assert np.mean(losses[-6:]) < np.mean(losses[:6])
    resumed = config(tmp_path, 'resumed', **recipe)
    train(resumed, resume=str(tmp_path / 'straight/step_20.ckpt'))
    assert_same_checkpoint(tmp_path / 'straight/step_24.ckpt', tmp_path / 'resumed/step_24.ckpt')


@pytest.mark.slow
def test_several_labels_are_blended_and_the_benchmark_measures_such_a_step(tmp_path, capsys):
    cfg = config(tmp_path, **SEVERAL, blending=CUTMIX, total_epochs=1)
    train(cfg)
    assert all(np.isfinite(line['loss']) for line in lines(tmp_path / 'run'))
    path = tiny.write_config(tmp_path, blending=MIXUP)
    shape = ['--clip-len', '4', '--size', '8', '--batch-size', '2', '--repeat', '1', '--train']
    assert main('benchmark_model', [path, *shape]) == 0, capsys.readouterr().err
