"""Callbacks of a run: records, pictures, measurements. Each has a file here and a yaml in ``conf/callbacks``.

``gequnet.runs.callback_outputs`` describes how a callback declares its results, its files and the tests that it is for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
