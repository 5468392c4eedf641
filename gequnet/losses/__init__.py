"""Losses: one quantity a file, a function on tensors first, then the module that holds its hyperparameters.

Every module is called as ``loss(logits, mask, valid)``, those that are means over pixels also with ``weight``, see
[`gequnet.losses.base.SegmentationLoss`][].
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
