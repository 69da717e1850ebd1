"""The Frechet distance between two sets of features, for any number of them in the memory of their
covariance.

Source: Dowson and Landau, "The Frechet distance between multivariate normal distributions", 1982;
Unterthiner et al., "Towards Accurate Generative Models of Video", arXiv 1812.01717, who take the
logits of I3D. Needs numpy alone.
"""

from __future__ import annotations

import numpy as np

from ..argument_checks import at_least, one_of
from ..errors import DataError

_LARGEST = 1e60  # the square of a sum of squares of such features is a number still


class Gaussian:
    """The mean and covariance of features that come one batch after the other, in float64.

    Batches are joined by the update of Chan, Golub and LeVeque (1983): sums are of differences from
    means, so that nothing cancels where the features are large beside their spread.

    Attributes: count (float): features, or the sum of their weights. mean (float64 D), None at
        first.
    """

    def __init__(self):
        self.count = 0
        self.mean = None
        self._scatter = None

    def update(self, features: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Adds features (N x D), each as often as `weights` (N, not negative) says; default:
        once.
        """
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or self.mean is not None and features.shape[1] != len(self.mean):
            raise DataError(
                f'features are N x {"D" if self.mean is None else len(self.mean)}; got '
                f'{" x ".join(map(str, features.shape))}'
            )
        if not (np.abs(features) < _LARGEST).all():
            raise DataError(f'features hold NaN, or numbers above {_LARGEST:.0e}')
        weights = np.ones(len(features)) if weights is None else np.asarray(weights, np.float64)
        count = weights.sum()
        if self.mean is None:
            self.mean = np.zeros(features.shape[1])
            self._scatter = np.zeros(2 * features.shape[1:])
        if count == 0:
            return
        mean = weights @ features / count
        spread = features - mean
        step = mean - self.mean
        total = self.count + count
        self._scatter += (spread * weights[:, None]).T @ spread + np.outer(step, step) * (
            self.count * count / total
        )
        self.mean = self.mean + step * (count / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """float64 D x D, the sum divided by count - 1. Raises DataError for fewer than two
        features.
        """
        if self.count < 2:
            raise DataError(f'a covariance takes two features or more; got {self.count:g}')
        return self._scatter / (self.count - 1)


def frechet_distance(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other_covariance: np.ndarray
) -> float:
    """Computes |m - m'|^2 + tr(C) + tr(C') - 2 tr((C C')^(1/2)).

    The last trace is the sum of the singular values of C^(1/2) C'^(1/2): both roots are of
    symmetric matrices, by their eigenvalues, and nothing complex appears. Covariances may be
    singular, as those of fewer features than dimensions are. Nothing is added to their diagonal:
    eigenvalues below D * 2.2e-16 of the largest, which is where rounding hides them, count as 0.
    The result is never below 0, and for a set against itself 0 up to rounding.

    Args:
        mean, other_mean: D.
        covariance, other_covariance: D x D, symmetric.

    Returns: float.
    """
    mean, covariance, other_mean, other_covariance = (
        np.asarray(array, np.float64) for array in (mean, covariance, other_mean, other_covariance)
    )
    if mean.shape != other_mean.shape:
        raise DataError(
            f'the features of the two sets differ in length: {len(mean)} and {len(other_mean)}'
        )
    joint = np.linalg.svd(
        square_root(covariance) @ square_root(other_covariance), compute_uv=False
    ).sum()
    return max(
        float(
            ((mean - other_mean) ** 2).sum()
            + np.trace(covariance)
            + np.trace(other_covariance)
            - 2 * joint
        ),
        0.0,
    )


def square_root(matrix: np.ndarray) -> np.ndarray:
    """Returns the symmetric square root of a symmetric matrix whose eigenvalues are not negative,
    up to rounding.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    values[values < len(values) * np.finfo(np.float64).eps * values[-1]] = 0
    return vectors * np.sqrt(values) @ vectors.T


class FrechetDistance:
    """The Frechet distance between two sets whose features come one batch after the other, and its
    spread over resamples of the features (a bootstrap).

    A resample takes each feature as often as a draw from Poisson(1) says, which for large sets is
    the bootstrap that draws N of N (Hanley and MacGibbon 2006), but needs no feature again: memory
    is that of resamples + 1 covariances per set. A draw depends on the seed, the set, the resample
    and the feature's number, not on the batches.

    Distances of fewer features are larger: a resample holds 63 % of the distinct ones, so
    `resampled` lies above `value` and tells how far it varies, not what it is.

    Args:
        resamples: 0 for none.
        seed: of the draws.
    """

    def __init__(self, resamples: int = 20, seed: int = 0):
        at_least('FrechetDistance', 0, resamples=resamples)
        self._sets = {
            name: [Gaussian() for _ in range(resamples + 1)] for name in ('real', 'generated')
        }
        self._draws = {
            name: [np.random.default_rng((seed, index, number)) for number in range(resamples)]
            for index, name in enumerate(self._sets)
        }

    def update(self, which: str, features: np.ndarray) -> None:
        """Adds features (N x D) to the set 'real' or 'generated'."""
        one_of('FrechetDistance', self._sets, which=which)
        whole, *resamples = self._sets[which]
        whole.update(features)
        for gaussian, rng in zip(resamples, self._draws[which]):
            gaussian.update(features, rng.poisson(1, len(features)))

    def count(self, which: str) -> int:
        """Returns the number of features in a set."""
        return int(self._sets[which][0].count)

    @property
    def dimensions(self) -> int:
        """The number of values of a feature."""
        return len(next(iter(self._sets.values()))[0].mean)

    @property
    def value(self) -> float:
        """The distance of all features. Raises DataError where a set holds fewer than two."""
        return self._distance(0)

    @property
    def resampled(self) -> np.ndarray:
        """float64 array: the distance of each resample that holds two features or more."""
        sizes = zip(
            *([gaussian.count for gaussian in gaussians[1:]] for gaussians in self._sets.values())
        )
        return np.array(
            [self._distance(number) for number, counts in enumerate(sizes, 1) if min(counts) >= 2]
        )

    def _distance(self, number):
        for name, gaussians in self._sets.items():
            if gaussians[0].count < 2:
                raise DataError(
                    f'the {name} set has {gaussians[0].count:g} features; a covariance takes '
                    'two or more'
                )
        real, generated = (gaussians[number] for gaussians in self._sets.values())
        return frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance)
