from .augment import Augmentation as Augmentation
from .augment import Chain as Chain
from .augment import Flips as Flips
from .border_weights import BorderWeights as BorderWeights
from .colour import Colour as Colour
from .noise import Noise as Noise
from .warp import Warp as Warp

__all__ = [
    "Augmentation",
    "BorderWeights",
    "Chain",
    "Colour",
    "Flips",
    "Noise",
    "Warp",
]
