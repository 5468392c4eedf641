"""Statistical comparison of two networks on the same images: interval, test and correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

CONFIDENCE, SIGNIFICANCE = 0.95, 0.05
RESAMPLES = 9999


@dataclass(frozen=True)
class Comparison:
    """The differences of a score between two networks, image by image.

    Args:
        images: number of images that both networks have a score of.
        better: number of images on which the first network is better.
        mean: mean difference.
        low: lower end of the interval of the mean difference; nan for a single image.
        high: upper end of the interval.
        p: p-value of Wilcoxon's signed-rank test, two-sided.
        corrected: the p-value after Holm's correction over all comparisons of a table.
    """

    images: int
    better: int
    mean: float
    low: float
    high: float
    p: float
    corrected: float

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the corrected p is below .05, else ``no difference shown``."""
        if self.corrected >= SIGNIFICANCE:
            return "no difference shown"
        return "better" if self.mean > 0 else "worse"


def compare(differences: Sequence[Float[np.ndarray, " image"]]) -> list[Comparison]:
    """Compare several networks, each with its reference, as one family of tests.

    The images are the independent units. The scores of an image are averaged over seeds first, so that nine runs on
    twenty images are twenty observations and not sixty. The result holds for other images of the same kind; it does
    not cover other seeds.

    Args:
        differences: for each network its score minus that of the reference on the same image; nan where one of the
            two has no score, which leaves the image out.

    Example:
        >>> [one] = compare([np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])])
        >>> one.better, round(one.mean, 3), one.p, one.verdict
        (6, 0.035, 0.03125, 'better')
    """
    scored = [each[~np.isnan(each)] for each in differences]
    ps = [signed_rank(each) for each in scored]
    return [
        Comparison(len(each), int((each > 0).sum()), _mean(each), *interval(each), p, corrected)
        for each, p, corrected in zip(scored, ps, holm(ps), strict=True)
    ]


def signed_rank(differences: Float[np.ndarray, " image"]) -> float:
    """p-value of Wilcoxon's signed-rank test, two-sided; the null hypothesis is symmetry around zero.

    It is exact for up to 50 images without ties, and up to 13 with ties; beyond that it is the normal approximation.
    Images without a difference are left out, as Wilcoxon did; if no image has a difference, p is 1.

    References:
        F. Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1 (1945); SciPy computes it.
    """
    nonzero = differences[differences != 0]
    return float(stats.wilcoxon(nonzero).pvalue) if len(nonzero) else 1.0


def interval(differences: Float[np.ndarray, " image"]) -> tuple[float, float]:
    """95 % interval of the mean difference: a bias-corrected and accelerated bootstrap over images.

    It is deterministic, and nan for fewer than two images.

    References:
        B. Efron, Better bootstrap confidence intervals, JASA 82 (1987); SciPy computes it.
    """
    if len(differences) < 2:
        return float("nan"), float("nan")
    if np.ptp(differences) == 0:  # every resample has the same mean
        return float(differences[0]), float(differences[0])
    bounds = stats.bootstrap(
        (differences,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        batch=999,  # resamples at a time: all of them times hundreds of images would fill the memory
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(bounds.low), float(bounds.high)


def holm(ps: Sequence[float]) -> list[float]:
    """p-values after Holm's correction, which bounds the probability of any false positive among all of them.

    The smallest is multiplied by their number n, the next by n - 1, and so on; none becomes smaller than the one before
    it, or larger than 1.

    References:
        S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).

    >>> holm([0.04, 0.01, 0.03])
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(ps)
    scaled = np.asarray(ps)[order] * np.arange(len(ps), 0, -1)
    corrected = np.empty(len(ps))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(p) for p in corrected]


def smallest_p(images: int, comparisons: int) -> float:
    """The smallest corrected p-value that a number of images and comparisons allows: all differences have one sign.

    >>> smallest_p(5, 1)
    0.0625
    """
    return float(min(1.0, comparisons * 2.0 ** (1 - images)))


def _mean(differences: Float[np.ndarray, " image"]) -> float:
    return float(differences.mean()) if len(differences) else float("nan")
