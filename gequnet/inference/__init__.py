"""Prediction with a trained network: whole images, sliding windows, streaming, averages over a group."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
