"""Datasets, one per file, and the datamodule that turns them into patches and whole images."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
