"""Losses: one quantity a file, a function on tensors first, then the module that holds its hyperparameters.

Every module is called as ``loss(logits, mask, valid)``, see [`gequnet.losses.base.SegmentationLoss`][].
"""
