"""What of a run is told to its loggers, above all to Weights & Biases."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
