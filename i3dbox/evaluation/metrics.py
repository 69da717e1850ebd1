"""Figures from scores: functions (scores float N x K, labels int N) -> dict of name -> float or array.

An array has one value a class, or is classes x classes. A sample with a score that is not finite counts as wrong.
"""

import numpy as np

from ..registry import METRICS

DEFAULT = ('top_k_accuracy', 'mean_class_accuracy')
LOWER_IS_BETTER = ('ece',)


@METRICS.register
def top_k_accuracy(scores, labels, topk=(1, 5)):
    """Share of samples whose label is among the k highest scores, for each k: 'top1_acc', 'top5_acc'.

    Among equal scores the lower class counts as higher, so that the figure does not depend on a
    sort's whims. A k above the number of classes counts as that number.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    own = scores[np.arange(len(labels)), labels][:, None]
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < labels[:, None]))
    place = np.where(np.isfinite(scores).all(1), ahead.sum(1), scores.shape[1] + max(topk))
    return {f'top{k}_acc': float((place < k).mean()) for k in topk}


@METRICS.register
def mean_class_accuracy(scores, labels):
    """Mean over the classes that occur in `labels` of the top-1 accuracy in each: 'mean_class_acc'."""
    counts = confusion_matrix(scores, labels)['confusion_matrix']
    occurring = np.bincount(labels, minlength=len(counts))
    return {'mean_class_acc': float(np.mean(counts.diagonal()[occurring > 0] / occurring[occurring > 0]))}


@METRICS.register
def confusion_matrix(scores, labels):
    """Counts of samples by label (row) and prediction (column), int64 K x K: 'confusion_matrix'.

    Samples whose scores are not finite have no prediction and are left out.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    finite, counts = np.isfinite(scores).all(1), np.zeros((scores.shape[1],) * 2, np.int64)
    np.add.at(counts, (labels[finite], scores[finite].argmax(1)), 1)
    return {'confusion_matrix': counts}


@METRICS.register
def per_class(scores, labels):
    """'precision', 'recall' (the class's accuracy) and 'support' (its samples), float64 K each.

    Precision is NaN for a class that is never predicted, recall for one that has no samples.
    """
    counts = confusion_matrix(scores, labels)['confusion_matrix']
    support = np.bincount(labels, minlength=len(counts)).astype(np.float64)
    with np.errstate(invalid='ignore'):
        return {'precision': counts.diagonal() / counts.sum(0), 'recall': counts.diagonal() / support,
                'support': support}


@METRICS.register
def calibration_error(scores, labels, bins=15):
    """Expected calibration error, 'ece': how far the network's confidence is from its accuracy, on average.

    Confidence is the highest softmax of the logits. Source: Guo et al., "On Calibration of Modern Neural
    Networks", arXiv 1706.04599: `bins` bins of equal width.
    """
    confidence, correct = confidences(scores, labels)
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(correct[places == b].sum() - confidence[places == b].sum()) for b in range(bins)]
    return {'ece': float(np.sum(gaps) / len(correct))}


@METRICS.register
def bootstrap(scores, labels, metric='top_k_accuracy', resamples=1000, level=0.95, seed=0):
    """Confidence intervals of another metric's figures: 'top1_acc_low', 'top1_acc_high', ...

    The samples are drawn anew, with replacement, `resamples` times, and the interval lies between the percentiles
    (Efron's percentile bootstrap). It tells how much of a figure is owed to the choice of the test videos; that
    videos of one group resemble each other, and how training went, it does not know.

    Args:
        metric (str or dict): of METRICS.
        level (float): of confidence.
    """
    scores, labels = np.asarray(scores), np.asarray(labels)
    rng = np.random.default_rng(seed)
    values = {}
    for _ in range(resamples):
        drawn = rng.integers(0, len(labels), len(labels))
        for name, value in evaluate([metric], scores[drawn], labels[drawn]).items():
            if np.ndim(value) == 0:
                values.setdefault(name, []).append(value)
    ends = (1 - level) / 2, (1 + level) / 2
    return {f'{name}_{end}': float(np.quantile(drawn, q)) for name, drawn in values.items()
            for end, q in zip(('low', 'high'), ends)}


def evaluate(metrics, scores, labels):
    """All figures of `metrics` (of METRICS, by name or as dicts with arguments)."""
    figures = {}
    for metric in metrics:
        cfg = dict(type=metric) if isinstance(metric, str) else metric
        figures.update(METRICS.build(cfg, scores=scores, labels=labels))
    return figures


def softmax(scores):
    """float64 ... x K: the probabilities that logits stand for."""
    scores = np.asarray(scores, np.float64)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def confidences(scores, labels):
    """The probability of each prediction, 0 where scores are not finite (float64 N); and whether it is right (bool N).
    """
    finite = np.isfinite(np.asarray(scores)).all(1)
    probabilities = softmax(np.where(finite[:, None], scores, 0))
    return probabilities.max(1) * finite, (probabilities.argmax(1) == labels) & finite
