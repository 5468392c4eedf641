from .count_scores import score as score
from .counts import Counts as Counts
from .counts import count as count
from .segmentation import SegmentationMetrics as SegmentationMetrics
from .surface_distances import hd95 as hd95
from .surface_distances import surface_dice as surface_dice
from .threshold_curve import ThresholdCurve as ThresholdCurve

__all__ = [
    "Counts",
    "SegmentationMetrics",
    "ThresholdCurve",
    "count",
    "hd95",
    "score",
    "surface_dice",
]
