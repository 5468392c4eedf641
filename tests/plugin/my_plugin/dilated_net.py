"""A network of dilated convolutions without pooling."""

from itertools import pairwise

from torch import nn


class DilatedNet(nn.Module):
    """A convolution for each width, with dilations 1, 2, 4, …, and a convolution of kernel size 1 as head."""

    spatial_dims = 2

    def __init__(self, in_channels, num_classes, widths, depth=None):
        super().__init__()
        self.in_channels, self.num_classes, self.widths = in_channels, num_classes, tuple(widths)
        self.parts = {"encoder": ["layers"], "decoder": [], "head": ["head"]}  # for finetune= and init_from=
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=2**level, dilation=2**level, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
            )
            for level, (inputs, outputs) in enumerate(pairwise([in_channels, *self.widths]))
        )
        self.head = nn.Conv2d(self.widths[-1], num_classes, 1)

    def forward(self, image):
        """Image [B, C, H, W] to logits [B, K, H, W], at every size."""
        for layer in self.layers:
            image = layer(image)
        return self.head(image)
