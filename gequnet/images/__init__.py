"""Image files of any common format, as a network wants them and as people want the answers: one file a format."""

from gequnet.images.image_file import ImageFile, Takes
from gequnet.images.opening import open_image

__all__ = ["ImageFile", "Takes", "open_image"]
