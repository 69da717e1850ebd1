"""Metrics count what they say, and result files give back what was written."""

import json
import pickle
import warnings

import numpy as np
import pytest
import sklearn.metrics as sklearn
from sklearn.calibration import calibration_curve

from i3dbox.commands import main
from i3dbox.errors import ConfigError
from i3dbox.evaluation.metrics import better, evaluate
from i3dbox.evaluation.results import Results, load_results
from i3dbox.registry import METRICS

SCORES = np.array([[3, 2, 1], [1, 2, 3], [2, 2, 2], [0, 5, 4]], np.float32)


def figures(metric, labels, **kwargs):
    return METRICS.build(dict(type=metric, **kwargs), scores=SCORES, labels=np.array(labels))


def test_top_k_counts_labels_among_the_k_best():
    assert figures('top_k_accuracy', [0, 1, 2, 2], topk=(1, 2, 3)) == {
        'top1_acc': 0.25,
        'top2_acc': 0.75,
        'top3_acc': 1.0,
    }


def test_equal_scores_go_to_the_lower_class():
    assert figures('top_k_accuracy', [0, 2, 0, 1], topk=(1,)) == {'top1_acc': 1.0}
    assert figures('top_k_accuracy', [0, 2, 1, 1], topk=(1,)) == {'top1_acc': 0.75}


def test_scores_that_are_not_finite_count_as_wrong():
    scores, labels = np.full((4, 3), np.nan), np.zeros(4, int)
    for metric, name in (('top_k_accuracy', 'top5_acc'), ('mean_class_accuracy', 'mean_class_acc')):
        assert METRICS.build(dict(type=metric), scores=scores, labels=labels)[name] == 0


def test_top_5_of_3_classes_is_everything():
    assert figures('top_k_accuracy', [1, 1, 1, 1])['top5_acc'] == 1


def test_mean_class_accuracy_weighs_classes_alike_and_leaves_absent_ones_out():
    assert figures('mean_class_accuracy', [0, 0, 0, 1]) == {
        'mean_class_acc': pytest.approx((2 / 3 + 1) / 2)
    }


# Against scikit-learn


@pytest.mark.parametrize('several', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_average_precision_is_scikit_learns_with_ties_and_absent_classes(several, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (40, 5)).astype(float)  # many are equal
    labels = rng.integers(0, 4, 40)  # of class 4 there is none
    truth = labels[:, None] == np.arange(5)
    if several:
        truth = labels = (rng.random((40, 5)) < 0.3) & (np.arange(5) < 4)
    metrics = ['mean_average_precision', 'mmit_mean_average_precision']
    found = evaluate(metrics, scores, labels)
    by_class = sklearn.average_precision_score(truth[:, :4], scores[:, :4], average='macro')
    known = truth.any(1)
    by_sample = sklearn.average_precision_score(truth[known], scores[known], average='samples')
    assert found == pytest.approx(
        {'mean_average_precision': by_class, 'mmit_mean_average_precision': by_sample}
    )


def test_average_precision_puts_what_is_not_finite_last():
    scores = np.array([[np.nan, 0.0], [0.1, 0.9], [0.9, 0.1]])
    found = evaluate(['mean_average_precision'], scores, np.array([0, 1, 0]))
    assert found == {'mean_average_precision': pytest.approx((1 / 2 + 1 / 3 + 1) / 2)}


def random_scores(seed, samples=200, classes=7):
    """Scores with many ties, labels without the classes 2 and 5, and predictions that never name
    class 6.
    """
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (samples, classes)).astype(np.float32)
    scores[:, 6] = -1
    return scores, rng.choice([0, 1, 3, 4, 6], samples).astype(np.int32)


@pytest.mark.parametrize('seed', range(5))
def test_metrics_agree_with_scikit_learn_on_ties_and_absent_classes(seed):
    scores, labels = random_scores(seed)
    predictions = scores.argmax(1)
    ours = evaluate(
        ['top_k_accuracy', 'mean_class_accuracy', 'confusion_matrix', 'per_class'], scores, labels
    )
    assert ours['top1_acc'] == pytest.approx(sklearn.accuracy_score(labels, predictions))
    # the lower class first, which is the reference's last word on ties
    untied = scores - np.arange(7) * 1e-3
    assert ours['top5_acc'] == pytest.approx(
        sklearn.top_k_accuracy_score(labels, untied, k=5, labels=range(7))
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of classes that are predicted and have no samples
        assert ours['mean_class_acc'] == pytest.approx(
            sklearn.balanced_accuracy_score(labels, predictions)
        )
    np.testing.assert_array_equal(
        ours['confusion_matrix'], sklearn.confusion_matrix(labels, predictions, labels=range(7))
    )
    precision, recall, _, support = sklearn.precision_recall_fscore_support(
        labels, predictions, labels=range(7), zero_division=np.nan
    )
    np.testing.assert_allclose(ours['precision'], precision)
    np.testing.assert_allclose(ours['recall'], recall)
    np.testing.assert_array_equal(ours['support'], support)


@pytest.mark.parametrize('seed', range(3))
def test_the_calibration_error_agrees_with_scikit_learns_curve(seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(0, 2, (500, 4)), rng.integers(0, 4, 500)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    confidence, correct = shares.max(1), scores.argmax(1) == labels
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10)
    counts = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    expected = (np.abs(accuracy - mean) * counts[counts > 0]).sum() / 500
    assert evaluate([dict(type='calibration_error', bins=10)], scores, labels)[
        'ece'
    ] == pytest.approx(expected)


def test_a_network_that_is_always_sure_and_half_the_time_right_is_half_off():
    scores = np.array([[50.0, 0.0], [50.0, 0.0]])
    assert evaluate(['calibration_error'], scores, np.array([0, 1])) == {'ece': pytest.approx(0.5)}


@pytest.mark.parametrize(
    'right, number, low, high',
    # the examples of Newcombe (1998, Statistics in Medicine 17, 857), method 3
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_of_the_samples_has_wilsons_interval(right, number, low, high):
    scores = np.zeros((number, 2))
    scores[right:, 1] = 1
    found = evaluate(['bootstrap'], scores, np.zeros(number, int))
    assert found['top1_acc_low'] == pytest.approx(low, abs=5e-5)
    assert found['top1_acc_high'] == pytest.approx(high, abs=5e-5)


def test_six_right_of_six_is_no_certainty():
    scores = np.eye(2)[np.zeros(6, int)]
    found = evaluate(['bootstrap'], scores, np.zeros(6, int))
    assert found['top1_acc_low'] == pytest.approx(0.6097, abs=1e-4)
    assert found['top1_acc_high'] == 1


@pytest.mark.parametrize('wrong', [dict(level=95), dict(level=1), dict(resamples=0)])
def test_an_interval_of_no_level_or_no_resamples_is_refused(wrong):
    with pytest.raises(ConfigError, match=f'bootstrap: {next(iter(wrong))} is a'):
        evaluate([dict(type='bootstrap', **wrong)], SCORES, np.zeros(4, int))


def test_the_bootstraps_interval_is_that_of_the_binomial():
    labels = np.zeros(400, int)
    scores = np.zeros((400, 2))
    scores[::4, 1] = 1  # three quarters are right
    found = evaluate(['bootstrap'], scores, labels)
    assert found['top1_acc_low'] == pytest.approx(
        0.75 - 1.96 * np.sqrt(0.75 * 0.25 / 400), abs=0.01
    )
    assert found['top1_acc_high'] == pytest.approx(
        0.75 + 1.96 * np.sqrt(0.75 * 0.25 / 400), abs=0.01
    )
    assert found == evaluate(['bootstrap'], scores, labels)
    wider = evaluate(
        [dict(type='bootstrap', metric='mean_class_accuracy', level=0.99)], scores, labels
    )
    assert wider['mean_class_acc_low'] < found['top1_acc_low']


def test_a_higher_accuracy_is_better_a_lower_calibration_error_and_any_number_than_none():
    assert better('top1_acc', 0.6, 0.5) and not better('top1_acc', 0.5, 0.5)
    assert not better('top1_acc', 0.6, 0.5, by=0.2)
    assert (
        better('ece', 0.1, 0.2)
        and not better('ece', 0.2, 0.1)
        and not better('ece', 0.1, 0.2, by=0.2)
    )
    for name in ('top1_acc', 'ece', 'ece_low', 'ece_high'):
        assert (
            better(name, 0.5, None) and better(name, 0.5, np.nan) and not better(name, np.nan, None)
        )
    bounds = evaluate(
        [dict(type='bootstrap', metric='calibration_error', resamples=2)], SCORES, np.zeros(4, int)
    )
    assert list(bounds) == ['ece_low', 'ece_high']


# Result files


@pytest.fixture
def results():
    return Results(
        ['a/é', 'b', 'c', 'd'],
        np.array([0, 2, 1, 1], np.int32),
        SCORES,
        ['x', 'y', 'z'],
        dict(skipped=[]),
    )


def test_results_evaluate_metrics_by_name_or_with_arguments(results):
    assert results.evaluate(['mean_class_accuracy', dict(type='top_k_accuracy', topk=[2])]) == {
        'mean_class_acc': pytest.approx(5 / 6),
        'top2_acc': 1.0,
    }


def test_a_pickle_holds_plain_values_and_json_one_object_a_video(results, tmp_path):
    results.save(str(tmp_path / 'r.pkl'))
    saved = load_results(str(tmp_path / 'r.pkl'))
    assert (
        saved.names == results.names
        and np.array_equal(saved.scores, SCORES)
        and saved.labels.dtype == np.int32
    )
    results.save(str(tmp_path / 'r.json'))
    sample = json.loads((tmp_path / 'r.json').read_text(encoding='utf-8'))['samples'][1]
    assert sample == dict(name='b', label=2, prediction=2, scores=[1, 2, 3])


def test_two_streams_survive_both_kinds_of_file(results, tmp_path):
    results.streams = {'rgb': SCORES * 2, 'flow': SCORES * -1}
    for name in ('r.pkl', 'r.json'):
        results.save(tmp_path / name)
        saved = load_results(tmp_path / name)
        assert (saved.names, saved.classes, saved.meta) == (
            results.names,
            results.classes,
            results.meta,
        )
        assert saved.labels.dtype == np.int32 and saved.scores.dtype == np.float32
        parts = saved.by_stream()
        assert list(parts) == ['RGB', 'Flow', 'RGB + Flow']
        np.testing.assert_array_equal(parts['RGB'].scores, SCORES * 2)
        np.testing.assert_array_equal(parts['RGB + Flow'].scores, SCORES)


@pytest.mark.parametrize(
    'content', ['[]', '{"samples": 3}', '{', '{"samples": [], "classes": null, "meta": {}}']
)
def test_json_that_is_no_result_file_is_named(tmp_path, content):
    (tmp_path / 'r.json').write_text(content)
    with pytest.raises(ConfigError, match='r.json is no result file of i3dbox'):
        load_results(tmp_path / 'r.json')


def test_the_mean_over_splits_stands_below_them(results, tmp_path, capsys):
    for number in range(3):
        labels = np.array([0, 2, 1, number % 3], np.int32)
        Results(results.names, labels, SCORES, results.classes).save(
            tmp_path / f'split{number + 1}.pkl'
        )
    assert main('summarize', [f'RGB={tmp_path}/split{n}.pkl' for n in (1, 2, 3)]) == 0
    rows = [
        [cell.strip() for cell in line.split('|')]
        for line in capsys.readouterr().out.splitlines()
        if '|' in line
    ]
    top1 = [float(row[3]) for row in rows[1:]]
    assert [row[1].split('/')[-1] for row in rows[1:]] == [
        'split1.pkl',
        'split2.pkl',
        'split3.pkl',
        'RGB: mean of 3',
    ]
    assert top1[3] == pytest.approx(np.mean(top1[:3]), abs=1e-4)


def test_splits_of_different_protocols_have_no_mean(results, tmp_path, capsys):
    for number, protocol in enumerate(('whole', 'centre')):
        results.meta = dict(protocol=protocol)
        results.save(tmp_path / f'{number}.pkl')
    assert main('summarize', [f'A={tmp_path}/{n}.pkl' for n in range(2)]) == 1
    assert 'have no mean: their protocols are whole and centre' in capsys.readouterr().err


def test_folders_may_hold_an_equals_sign(results, tmp_path):
    (tmp_path / 'lr=0.1').mkdir()
    results.save(tmp_path / 'lr=0.1/r.pkl')
    assert main('summarize', [str(tmp_path / 'lr=0.1/r.pkl')]) == 0


def test_json_without_numbers_for_scores_that_are_not_finite(results, tmp_path):
    results.scores = SCORES.copy()
    results.scores[0, 1] = np.nan
    results.save(tmp_path / 'r.json')
    assert 'NaN' not in (tmp_path / 'r.json').read_text()
    assert np.isnan(load_results(tmp_path / 'r.json').scores[0, 1])


@pytest.mark.parametrize(
    'change',
    [
        dict(labels=np.array([0, 2, 1, 3], np.int32)),
        dict(names=['a', 'a', 'c', 'd']),
        dict(meta=None),
    ],
)
def test_result_files_that_contradict_themselves_are_refused(results, tmp_path, change):
    for name, value in change.items():
        setattr(results, name, value)
    results.save(tmp_path / 'r.pkl')
    with pytest.raises(ConfigError, match='r.pkl is no result file'):
        load_results(tmp_path / 'r.pkl')


def test_a_figure_and_its_interval_share_a_column(results, tmp_path, capsys):
    results.save(tmp_path / 'r.pkl')
    assert (
        main('summarize', [str(tmp_path / 'r.pkl'), '--eval', 'top_k_accuracy', 'bootstrap']) == 0
    )
    assert '0.7500 [0.3006, 0.9544]' in capsys.readouterr().out


def test_another_extension_is_refused(results, tmp_path):
    with pytest.raises(ConfigError, match='.pkl or .json; got .*r.csv'):
        results.save(str(tmp_path / 'r.csv'))


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / 'made'), 'w')

    (tmp_path / 'evil.pkl').write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ConfigError, match='evil.pkl is no result file'):
        load_results(str(tmp_path / 'evil.pkl'))
    assert not (tmp_path / 'made').exists()


def test_an_absent_result_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match='none.pkl does not exist'):
        load_results(str(tmp_path / 'none.pkl'))
