"""Conversion rules for whole networks; the topology stays the same."""

from functools import partial

from torch import nn

from gequnet.errors import ConfigError
from gequnet.export import resampling
from gequnet.export.channel_layers import MapLayout
from gequnet.export.convert import make_conv, to_plain
from gequnet.export.padding import PlainMirroredFrame, RepeatedFrame
from gequnet.export.pyramid import Pyramid
from gequnet.export.test_time_augmentation import PlainOrbitAverage
from gequnet.export.unet import PlainUNet
from gequnet.inference.test_time_augmentation import OrbitAverage
from gequnet.layers import frame
from gequnet.layers.steerable import SteerableConv, SteerableUpConv
from gequnet.nets.scale_unet import ScaleUNet
from gequnet.nets.topology import UNetTopology
from gequnet.symmetry.actions import quarter_turns


@to_plain.register
def _unet(module: UNetTopology, maps: MapLayout) -> nn.Module:
    return PlainUNet(
        frame=_frame(module),
        stem=to_plain(module.stem, maps),
        encoders=_each(module.encoders, maps),
        downs=nn.ModuleList(_resampled(to_plain(down, maps)) for down in module.downs),
        ups=nn.ModuleList(_resampled(to_plain(up, maps)) for up in module.ups),
        skips=_each(module.skips, maps),
        decoders=_each(module.decoders, maps),
        head=to_plain(module.head, maps),
        scales=maps.scales,
    )


def _each(modules: nn.ModuleList, maps: MapLayout) -> nn.ModuleList:
    return nn.ModuleList(to_plain(module, maps) for module in modules)


def _frame(module: UNetTopology) -> nn.Module:
    if isinstance(module.frame, frame.MirroredFrame):
        mirrored = module.frame
        return PlainMirroredFrame(mirrored.halvings, mirrored.block, mirrored.halving, mirrored.doubling)
    assert isinstance(module.frame, partial), module.frame
    return RepeatedFrame(module.halvings, has_learned_resampling(module))


def has_learned_resampling(net: nn.Module) -> bool:
    """True if a network has strided or transposed steerable kernels, which keep the centre of odd sides only."""
    return any(
        isinstance(layer, SteerableUpConv) or (isinstance(layer, SteerableConv) and layer.stride == 2)
        for layer in net.modules()
    )


def _resampled(module: nn.Module) -> nn.Module:
    """A resampling layer that receives the parities of the sides, with the layers before and after it."""
    row = list(module) if isinstance(module, nn.Sequential) else [module]
    kinds = (resampling.PlainBlurPool, resampling.PlainMaxPool, resampling.PlainDouble, resampling.PlainTransposedConv)
    (place,) = [index for index, layer in enumerate(row) if isinstance(layer, kinds) or _halves(layer)]
    layer = row[place]
    if isinstance(layer, nn.Conv2d | nn.Conv3d):
        bare = make_conv(layer.weight, layer.bias, layer.stride[0], groups=layer.groups)
        layer = resampling.StridedConv(bare, layer.padding_mode)
    before, after = nn.Sequential(*row[:place]), nn.Sequential(*row[place + 1 :])
    return resampling.Resampled(before, layer, after) if len(row) > 1 else layer


def _halves(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d | nn.Conv3d) and layer.stride[0] == 2


@to_plain.register
def _scale_unet(module: ScaleUNet, maps: MapLayout) -> nn.Module:
    count, halvings = len(module.pitches), module.chain.halvings
    projection = to_plain(module.projection, maps._replace(scales=count))
    if module.form == "kernels":
        return nn.Sequential(to_plain(module.chain, maps._replace(scales=count)), projection)
    chain = to_plain(module.chain, maps)
    assert isinstance(chain, PlainUNet)
    return Pyramid(chain, projection, module.pitches, halvings)


@to_plain.register
def _orbit(module: OrbitAverage, maps: MapLayout) -> nn.Module:
    elements = [(quarter_turns(element), element.flip) for element in module.group.elements()]
    quarters = [(turns, flip) for turns, flip in elements if turns is not None]
    if len(quarters) < len(elements):
        raise ConfigError(
            f"the average over {module.group} rotates images by angles that SciPy interpolates, which plain layers "
            "cannot do: average over c2, c4, d1, d2 or d4."
        )
    return PlainOrbitAverage(to_plain(module.net, maps), quarters)
