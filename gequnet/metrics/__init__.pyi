from .counts import Counts as Counts
from .counts import count as count
from .score_record import Score as Score
from .scores import SCORES as SCORES
from .scores import score as score
from .segmentation import SegmentationMetrics as SegmentationMetrics
from .surface_distances import hd95 as hd95
from .surface_distances import surface_dice as surface_dice
from .threshold_curve import ThresholdCurve as ThresholdCurve

__all__ = [
    "SCORES",
    "Counts",
    "Score",
    "SegmentationMetrics",
    "ThresholdCurve",
    "count",
    "hd95",
    "score",
    "surface_dice",
]
