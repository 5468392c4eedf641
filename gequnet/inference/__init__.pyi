from .predictor import Predictor as Predictor
from .sliding_window import sliding as sliding
from .sliding_window import whole as whole
from .test_time_augmentation import OrbitAverage as OrbitAverage

__all__ = [
    "OrbitAverage",
    "Predictor",
    "sliding",
    "whole",
]
