from .accumulated_gradients import GatheredGradients as GatheredGradients
from .best_checkpoint import BestCheckpoint as BestCheckpoint
from .confusion import Confusion as Confusion
from .contours import Contours as Contours
from .curves import Curves as Curves
from .early_stopping import EarlyStopping as EarlyStopping
from .equivariance import Equivariance as Equivariance
from .history import History as History
from .last_checkpoint import LastCheckpoint as LastCheckpoint
from .log_images import LogImages as LogImages
from .predictions import Predictions as Predictions
from .progress import progress_bar as progress_bar
from .random_state import RandomState as RandomState
from .second_observer import SecondObserver as SecondObserver
from .timing import Timing as Timing
from .unlabelled_images import UnlabelledImages as UnlabelledImages
from .volumes import Volumes as Volumes

__all__ = [
    "BestCheckpoint",
    "Confusion",
    "Contours",
    "Curves",
    "EarlyStopping",
    "Equivariance",
    "GatheredGradients",
    "History",
    "LastCheckpoint",
    "LogImages",
    "Predictions",
    "RandomState",
    "SecondObserver",
    "Timing",
    "UnlabelledImages",
    "Volumes",
    "progress_bar",
]
