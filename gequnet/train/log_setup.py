"""Log levels and filters of warnings for a run."""

import logging
import warnings

from gequnet.distributed import is_first


def set_up_logging() -> None:
    """Hide library messages that a user cannot act upon, and all but warnings of Lightning.

    Processes other than the first log errors only, so that messages appear once.
    """
    if not is_first():
        logging.getLogger("gequnet").setLevel(logging.ERROR)
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec", FutureWarning)
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view")
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # resumed runs
    warnings.filterwarnings("ignore", ".*AMP with fp16 is not supported on CPU")  # gequnet raises an error instead
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training")  # parts frozen by finetune
