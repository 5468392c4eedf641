"""Layers as plain ``nn.Module``s on plain tensors: usable in any PyTorch program."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
