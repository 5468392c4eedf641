"""What happens beside the training: records, pictures, measurements. One callback per file, named in conf/callbacks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
