"""Metrics count what they say, and result files give back what was written."""

import json
import pickle

import numpy as np
import pytest

from i3dbox.errors import ConfigError
from i3dbox.evaluation.results import Results, load_results
from i3dbox.registry import METRICS

SCORES = np.array([[3, 2, 1], [1, 2, 3], [2, 2, 2], [0, 5, 4]], np.float32)


def figures(metric, labels, **kwargs):
    return METRICS.build(dict(type=metric, **kwargs), scores=SCORES, labels=np.array(labels))


def test_top_k_counts_labels_among_the_k_best():
    assert figures('top_k_accuracy', [0, 1, 2, 2], topk=(1, 2, 3)) == {'top1_acc': 0.25, 'top2_acc': 0.75,
                                                                      'top3_acc': 1.0}


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
    assert figures('mean_class_accuracy', [0, 0, 0, 1]) == {'mean_class_acc': pytest.approx((2 / 3 + 1) / 2)}


@pytest.fixture
def results():
    return Results(['a/é', 'b', 'c', 'd'], np.array([0, 2, 1, 1], np.int32), SCORES, ['x', 'y', 'z'], dict(skipped=[]))


def test_results_evaluate_metrics_by_name_or_with_arguments(results):
    assert results.evaluate(['mean_class_accuracy', dict(type='top_k_accuracy', topk=[2])]) == {
        'mean_class_acc': pytest.approx(5 / 6), 'top2_acc': 1.0}


def test_a_pickle_holds_plain_values_and_json_one_object_a_video(results, tmp_path):
    results.save(str(tmp_path / 'r.pkl'))
    saved = load_results(str(tmp_path / 'r.pkl'))
    assert saved.names == results.names and np.array_equal(saved.scores, SCORES) and saved.labels.dtype == np.int32
    results.save(str(tmp_path / 'r.json'))
    sample = json.loads((tmp_path / 'r.json').read_text(encoding='utf-8'))['samples'][1]
    assert sample == dict(name='b', label=2, prediction=2, scores=[1, 2, 3])


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
