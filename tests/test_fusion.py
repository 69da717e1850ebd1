"""Scores are fused by video, not by order, and only where they are of the same videos."""

import dataclasses

import numpy as np
import pytest

from i3dbox.commands import main
from i3dbox.errors import ConfigError
from i3dbox.evaluation.fusion import fuse, search_weights
from i3dbox.evaluation.results import Results, load_results

CLASSES = ['wave', 'clap', 'jump']


def results(modality, number=30, seed=0, subset='train', classes=CLASSES):
    rng = np.random.default_rng(seed)
    names = [
        f'{CLASSES[i % 3]}/v_{CLASSES[i % 3]}_g{i // 6:02d}_c{i % 6:02d}' for i in range(number)
    ]
    labels = np.arange(number, dtype=np.int32) % 3
    return Results(
        names,
        labels,
        rng.normal(0, 1, (number, 3)).astype(np.float32),
        classes,
        dict(modality=modality, protocol='whole', subset=[subset]),
    )


def permuted(part, seed=1):
    order = np.random.default_rng(seed).permutation(len(part.names))
    return dataclasses.replace(
        part,
        names=[part.names[i] for i in order],
        labels=part.labels[order],
        scores=part.scores[order],
    )


def test_the_order_of_the_files_videos_does_not_matter():
    rgb, flow = results('RGB'), results('Flow', seed=1)
    joint, other = fuse(dict(a=rgb, b=flow)), fuse(dict(a=rgb, b=permuted(flow)))
    np.testing.assert_array_equal(joint.scores, rgb.scores + flow.scores)
    np.testing.assert_array_equal(joint.scores, other.scores)
    third = fuse(dict(a=permuted(rgb), b=flow))
    assert {n: s.tolist() for n, s in zip(third.names, third.scores)} == {
        n: s.tolist() for n, s in zip(joint.names, joint.scores)
    }


def test_joint_results_hold_both_streams_by_name():
    rgb, flow = results('RGB'), results('Flow', seed=1)
    parts = fuse(dict(a=flow, b=permuted(rgb)), [1, 2]).by_stream()
    assert list(parts) == ['Flow', 'RGB', 'Flow + RGB']
    np.testing.assert_array_equal(parts['RGB'].scores, rgb.scores)
    np.testing.assert_allclose(parts['Flow + RGB'].scores, flow.scores + 2 * rgb.scores)


def shortened(part):
    return dataclasses.replace(
        part, names=part.names[:-1], labels=part.labels[:-1], scores=part.scores[:-1]
    )


def relabelled(part):
    return dataclasses.replace(
        part, labels=np.where(np.arange(len(part.labels)) == 4, 2, part.labels)
    )


@pytest.mark.parametrize(
    'change, message',
    [
        (shortened, "1 videos of rgb.pkl are not in flow.pkl, the first is 'jump/v_jump_g04_c05'"),
        (relabelled, "'clap/v_clap_g00_c04' has label 1 in the one and 2 in the other"),
        (
            lambda part: dataclasses.replace(part, classes=['wave', 'jump', 'clap']),
            "class 1 is 'clap' in the one and 'jump' in the other",
        ),
        (
            lambda part: dataclasses.replace(part, meta=dict(part.meta, protocol='centre')),
            'their protocols differ: whole in the one and centre in the other',
        ),
        (
            lambda part: dataclasses.replace(part, scores=part.scores[:, :2]),
            'they have 3 and 2 classes',
        ),
    ],
)
def test_what_does_not_match_is_refused_with_its_first_difference(change, message):
    rgb, flow = results('RGB'), permuted(results('Flow', seed=1))
    if change is relabelled:
        flow = results('Flow', seed=1)
    with pytest.raises(ConfigError) as caught:
        fuse(
            {
                'rgb.pkl': rgb,
                'flow.pkl': change(flow) if change is not shortened else change(results('Flow')),
            }
        )
    assert str(caught.value) == f'rgb.pkl and flow.pkl cannot be fused: {message}'


@pytest.mark.parametrize(
    'weights, message',
    [
        ([1, float('nan')], 'weight 2 is a number from'),
        ([0, 0], 'weights of 0 alone'),
    ],
)
def test_weights_that_leave_no_scores_are_refused(weights, message):
    with pytest.raises(ConfigError, match=message):
        fuse(dict(a=results('RGB'), b=results('Flow')), weights)


def test_videos_that_only_the_second_has_are_named_too():
    with pytest.raises(
        ConfigError, match="1 videos of b are not in a, the first is 'jump/v_jump_g04_c05'"
    ):
        fuse(dict(a=shortened(results('RGB')), b=results('Flow')))


def test_the_search_leans_on_the_stream_that_is_right():
    noise, right = results('RGB'), results('Flow', seed=1)
    right.scores[np.arange(30), right.labels] += 4
    noise.scores *= 6
    weights, found, equal = search_weights(dict(a=noise, b=right))
    assert weights[0] < weights[1] and sum(weights) == pytest.approx(2)
    assert found > equal


def two_streams(names, first, second):
    """Two results of the same videos, all of class 1."""
    labels = np.ones(len(names), np.int32)
    scores = [np.array(rows, np.float32) for rows in (first, second)]
    return {
        key: Results(names, labels, part, None, dict(modality=key, subset=['train']))
        for key, part in zip(('RGB', 'Flow'), scores)
    }


def test_no_fold_is_weighed_by_what_is_right_in_itself():
    """Four groups of one video are right with flow below 0.5, one of ten videos above 1.5: for each
    fold, the others say the opposite of what would be right.
    """
    names = [f'v_A_g0{group}_c01' for group in range(4)] + [f'v_A_g09_c{k:02d}' for k in range(10)]
    low, high = ([0, 1], [3, 0]), ([3, 0], [0, 1])
    kinds = [low] * 4 + [high] * 10
    parts = two_streams(names, *zip(*kinds))
    assert search_weights(parts)[1] == 0


def test_scores_that_are_no_numbers_are_never_right():
    names = [f'v_A_g0{group}_c01' for group in range(5)]
    parts = two_streams(names, [[1, 0]] * 5, [[0, np.nan]] * 5)
    assert search_weights(parts)[1:] == (0, 0)


def test_the_search_keeps_equal_weights_where_nothing_is_better():
    same = results('RGB')
    same.scores[np.arange(30), same.labels] += 9
    assert search_weights(dict(a=same, b=same)) == ([1.0, 1.0], 1.0, 1.0)


def test_the_command_fuses_pickle_and_json_and_writes_the_joint_scores(tmp_path, capsys):
    rgb, flow = results('RGB'), results('Flow', seed=1)
    rgb.save(tmp_path / 'rgb.pkl')
    permuted(flow).save(tmp_path / 'flow.json')
    assert (
        main(
            'fuse_scores',
            [str(tmp_path / name) for name in ('rgb.pkl', 'flow.json')]
            + ['--out', str(tmp_path / 'joint.json')],
        )
        == 0
    )
    joint = load_results(tmp_path / 'joint.json')
    np.testing.assert_array_equal(joint.scores, rgb.scores + flow.scores)
    share = np.mean((rgb.scores + flow.scores).argmax(1) == rgb.labels)
    assert f'{share:.4f}' in capsys.readouterr().out


def test_weights_are_searched_on_training_results_only(tmp_path, capsys):
    for subset in ('train', 'test'):
        for modality, seed in (('RGB', 0), ('Flow', 1)):
            results(modality, seed=seed, subset=subset).save(tmp_path / f'{modality}_{subset}.pkl')
    test = [str(tmp_path / f'{modality}_test.pkl') for modality in ('RGB', 'Flow')]
    train = [str(tmp_path / f'{modality}_train.pkl') for modality in ('RGB', 'Flow')]
    assert main('fuse_scores', [*test, '--search']) == 1
    assert (
        'holds scores of the subset test: weights are searched on the training split'
        in capsys.readouterr().err
    )
    assert main('fuse_scores', [*test, '--search', *train]) == 0
    assert 'found by cross-validation on 30 videos of the training split' in capsys.readouterr().out


def test_the_weights_found_belong_to_streams_and_not_to_places(tmp_path, capsys):
    noise, right = results('RGB'), results('Flow', seed=1)
    right.scores[np.arange(30), right.labels] += 4
    noise.scores *= 6
    files = {}
    for subset in ('train', 'test'):
        for part in (noise, right):
            part.meta['subset'] = [subset]
            files[part.meta['modality'], subset] = str(
                tmp_path / f'{part.meta["modality"]}_{subset}.pkl'
            )
            part.save(files[part.meta['modality'], subset])
    test = [files['RGB', 'test'], files['Flow', 'test']]
    printed = []
    for order in (('RGB', 'Flow'), ('Flow', 'RGB')):
        assert (
            main(
                'fuse_scores',
                [*test, '--search', *(files[modality, 'train'] for modality in order)],
            )
            == 0
        )
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert (
        main('fuse_scores', [*test, '--search', files['RGB', 'train'], files['RGB', 'test']]) == 1
    )
    assert 'name one of each stream' in capsys.readouterr().err


def test_a_file_named_twice_is_no_fusion(tmp_path, capsys):
    results('RGB').save(tmp_path / 'rgb.pkl')
    assert main('fuse_scores', [str(tmp_path / 'rgb.pkl')] * 2) == 1
    assert 'rgb.pkl is named twice' in capsys.readouterr().err


@pytest.mark.parametrize(
    'words, message',
    [
        (['a.pkl'], 'name at least two result files'),
        (['a.pkl', 'b.pkl', '--weights', '1', '2', '--search'], 'use one of them'),
        (['a.pkl', 'b.pkl', '--out', 'x.csv'], 'ends in .pkl or .json'),
        (['a.pkl', 'b.pkl'], 'result file a.pkl does not exist'),
    ],
)
def test_wrong_arguments_are_told_in_one_line(words, message, capsys):
    assert main('fuse_scores', words) == 1
    assert message in capsys.readouterr().err
