"""The same U-Net built from escnn's modules, for comparison in the benchmarks."""

import itertools
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # py3nj is absent on purpose
    import escnn.group._numerical
    import escnn.nn as enn
    from escnn import gspaces

# escnn's randomised SVD passes numpy matrices to scikit-learn, which refuses them; without it, SciPy's SVD is used.
escnn.group._numerical.randomized_svd = None


class EscnnUNet(nn.Module):
    """Two 3x3 convolutions a level, batch norm in fields, ReLU, max-pooling, bilinear upsampling; even sides only."""

    def __init__(self, in_channels: int, num_classes: int, widths: Sequence[int], group: str) -> None:
        super().__init__()
        make = gspaces.flipRot2dOnR2 if group[0] == "d" else gspaces.rot2dOnR2
        self.space = make(int(group[1:]))
        self.in_type = enn.FieldType(self.space, in_channels * [self.space.trivial_repr])
        levels = [self.fields(width) for width in widths]
        ins = [self.in_type, *levels[:-1]]
        self.encoders = nn.ModuleList(self.block(a, b) for a, b in zip(ins, levels, strict=True))
        self.pools = nn.ModuleList(enn.PointwiseMaxPool2D(t, 2) for t in levels[:-1])
        self.ups = nn.ModuleList(enn.R2Upsampling(t, 2) for t in levels[1:])
        self.decoders = nn.ModuleList(self.block(a + b, a) for a, b in itertools.pairwise(levels))
        logits = enn.FieldType(self.space, num_classes * [self.space.trivial_repr])
        self.head = enn.R2Conv(levels[0], logits, 1)

    def fields(self, width: int) -> "enn.FieldType":
        """Field type of ``width`` regular fields."""
        return enn.FieldType(self.space, width * [self.space.regular_repr])

    @staticmethod
    def block(in_type: "enn.FieldType", out_type: "enn.FieldType") -> nn.Module:
        """Convolutions of a level."""
        layers: list[nn.Module] = []
        for source in (in_type, out_type):
            conv = enn.R2Conv(source, out_type, 3, padding=1, bias=False, initialize=False)
            nn.init.normal_(conv.weights, std=0.1)  # escnn's own takes minutes; times do not depend on it
            layers += [conv, enn.InnerBatchNorm(out_type), enn.ReLU(out_type)]
        return enn.SequentialModule(*layers)

    def forward(self, image: Tensor) -> Tensor:
        """Image to logits."""
        x = self.encoders[0](enn.GeometricTensor(image, self.in_type))
        carried = [x]
        for pool, encoder in zip(self.pools, self.encoders[1:], strict=True):
            x = encoder(pool(x))
            carried.append(x)
        carried.pop()
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            x = decoder(enn.tensor_directsum([carried.pop(), up(x)]))
        return self.head(x).tensor


def build(in_channels: int, num_classes: int, widths: Sequence[int], group: str) -> EscnnUNet:
    """The network, without the warnings of its construction."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return EscnnUNet(in_channels, num_classes, widths, group)
