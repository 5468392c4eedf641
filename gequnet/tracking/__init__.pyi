from .wandb_run import WandbRun as WandbRun

__all__ = [
    "WandbRun",
]
