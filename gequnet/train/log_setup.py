"""Log levels and filters of warnings for a run."""

import logging
import warnings

from gequnet.distributed import is_first


def set_up_logging() -> None:
    """Leaves out what libraries say that nobody who runs an experiment can act upon, and what others have said."""
    if not is_first():
        logging.getLogger("gequnet").setLevel(logging.ERROR)
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers")
    warnings.filterwarnings("ignore", ".*treespec, LeafSpec", FutureWarning)
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view")
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # of a run that is resumed
    warnings.filterwarnings("ignore", ".*AMP with fp16 is not supported on CPU")  # which is an error of ours
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training")  # what finetune freezes
