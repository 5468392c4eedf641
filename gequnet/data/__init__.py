"""Datasets, one per file, and the data module that makes patches and whole images of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
