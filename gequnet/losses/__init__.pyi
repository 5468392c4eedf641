from .base import SegmentationLoss as SegmentationLoss
from .bce import BCELoss as BCELoss
from .compound import DiceBCELoss as DiceBCELoss
from .compound import DiceCELoss as DiceCELoss
from .cross_entropy import CrossEntropyLoss as CrossEntropyLoss
from .dice import DiceLoss as DiceLoss
from .focal import FocalLoss as FocalLoss
from .iou import IoULoss as IoULoss
from .mse import MSELoss as MSELoss
from .pixelwise_softmax import PixelwiseSoftmaxLoss as PixelwiseSoftmaxLoss
from .tversky import TverskyLoss as TverskyLoss

__all__ = [
    "BCELoss",
    "CrossEntropyLoss",
    "DiceBCELoss",
    "DiceCELoss",
    "DiceLoss",
    "FocalLoss",
    "IoULoss",
    "MSELoss",
    "PixelwiseSoftmaxLoss",
    "SegmentationLoss",
    "TverskyLoss",
]
