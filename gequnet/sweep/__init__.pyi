from .progress import Progress as Progress

__all__ = ["Progress"]
