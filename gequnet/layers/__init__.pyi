from .block import ConvBlock as ConvBlock
from .field_norm import FieldBatchNorm as FieldBatchNorm
from .field_norm import FieldGroupNorm as FieldGroupNorm
from .frame import MirroredFrame as MirroredFrame
from .resample import BlurPool as BlurPool
from .resample import Double as Double
from .resample import MaxPool as MaxPool
from .scale import ScaleConv as ScaleConv
from .scale import ScaleLift as ScaleLift
from .scale import ScalePointwise as ScalePointwise
from .scale_projection import ChoiceOfScale as ChoiceOfScale
from .scale_projection import MaxOverScales as MaxOverScales
from .scale_projection import MeanOverScales as MeanOverScales
from .steerable import FieldBias as FieldBias
from .steerable import FieldDropout as FieldDropout
from .steerable import FourierActivation as FourierActivation
from .steerable import Restriction as Restriction
from .steerable import SteerableConv as SteerableConv
from .steerable import SteerableUpConv as SteerableUpConv

__all__ = [
    "BlurPool",
    "ChoiceOfScale",
    "ConvBlock",
    "Double",
    "FieldBatchNorm",
    "FieldBias",
    "FieldDropout",
    "FieldGroupNorm",
    "FourierActivation",
    "MaxOverScales",
    "MaxPool",
    "MeanOverScales",
    "MirroredFrame",
    "Restriction",
    "ScaleConv",
    "ScaleLift",
    "ScalePointwise",
    "SteerableConv",
    "SteerableUpConv",
]
