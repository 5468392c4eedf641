"""NIfTI volume, with channels in a fourth axis or in one file each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from gequnet.data.errors import GridMismatchError
from gequnet.data.formats.gzip_file import check_gzip
from gequnet.data.formats.image_file import InputSpec, Window
from gequnet.data.formats.nifti import open_nifti
from gequnet.data.formats.read_errors import decoding
from gequnet.data.formats.volume_image import Volume


class Nifti(Volume):
    """NIfTI volume in one file, or in one file per channel.

    Windows can be read from uncompressed files (``.nii``) only, and not of float64, whose range must be known.

    Raises:
        GridMismatchError: If several files are not aligned.
    """

    def __init__(self, paths: Sequence[Path], spec: InputSpec) -> None:
        opened = [open_nifti(path) for path in paths]
        self.files = [image for image, _ in opened]
        geometry = opened[0][1]
        dtype = self.files[0].get_data_dtype()
        self.paths, self._checked = list(paths), False
        for path, (_, other) in zip(paths, opened, strict=True):
            apart = np.abs(np.subtract(other.affine, geometry.affine)).max()
            if other.shape != geometry.shape or apart > 0.01 * min(geometry.voxel_mm):
                raise GridMismatchError(path.name, path, paths[0])
        channels = sum(image.shape[3] if len(image.shape) == 4 else 1 for image in self.files)
        packed = any(path.suffix != ".nii" for path in paths)
        types = [image.get_data_dtype() for image in self.files]
        self.windowed = not packed and not any(each.kind == "f" and each.itemsize > 4 for each in types)
        super().__init__(paths[0], spec, geometry, channels, np.dtype(dtype))

    def _upright(self, window: Window) -> Shaped[np.ndarray, "channels x y z"]:
        axes, flips = self.geometry.orientation
        inside = [slice(None)] * 3
        for upright, part in enumerate(window):
            first, last, _ = part.indices(self.space[upright])
            side = self.space[upright]
            inside[axes[upright]] = slice(side - last, side - first) if upright in flips else slice(first, last)
        for path in [] if self._checked else self.paths:
            check_gzip(path)
        self._checked = True
        with decoding(self.path):
            parts = [np.asarray(image.dataobj[tuple(inside)]) for image in self.files]
        values = np.concatenate([part[None] if part.ndim == 3 else np.moveaxis(part, -1, 0) for part in parts])
        turned = np.moveaxis(values, [axis + 1 for axis in axes], [1, 2, 3])
        return np.flip(turned, tuple(upright + 1 for upright in flips))
