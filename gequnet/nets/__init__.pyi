from .e2unet import E2UNet as E2UNet
from .kit import Kit as Kit
from .scale_unet import ScaleUNet as ScaleUNet
from .topology import UNetTopology as UNetTopology
from .unet import UNet as UNet
from .width import BudgetWidth as BudgetWidth
from .width import ChannelWidth as ChannelWidth
from .width import FixedWidth as FixedWidth

__all__ = [
    "BudgetWidth",
    "ChannelWidth",
    "E2UNet",
    "FixedWidth",
    "Kit",
    "ScaleUNet",
    "UNet",
    "UNetTopology",
]
