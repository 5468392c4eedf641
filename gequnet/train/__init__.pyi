from .finetune import Finetune as Finetune
from .new_folders import NewFolders as NewFolders
from .schedules import constant_schedule as constant_schedule
from .schedules import cosine_schedule as cosine_schedule
from .schedules import cyclic_schedule as cyclic_schedule
from .schedules import exponential_schedule as exponential_schedule
from .schedules import plateau_schedule as plateau_schedule
from .schedules import step_schedule as step_schedule
from .task import SegmentationTask as SegmentationTask

__all__ = [
    "Finetune",
    "NewFolders",
    "SegmentationTask",
    "constant_schedule",
    "cosine_schedule",
    "cyclic_schedule",
    "exponential_schedule",
    "plateau_schedule",
    "step_schedule",
]
