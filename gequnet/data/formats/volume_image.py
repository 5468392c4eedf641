"""Base class of NIfTI and DICOM volumes, read upright in the axes of the patient."""

from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Shaped, UInt8
from torch import Tensor

from gequnet.data.datasets.volumes import int16_if_exact
from gequnet.data.formats.exact_float32 import as_float32
from gequnet.data.formats.image_file import ImageFile, InputSpec, UnfitImageError, Window
from gequnet.data.formats.nifti import Geometry, write_values


class Volume(ImageFile):
    """Volume with axes to the patient's right, front and head; its maps are NIfTI files with its affine."""

    endings = (".nii.gz", ".nii")
    geometry: Geometry

    def __init__(self, path: Path, spec: InputSpec, geometry: Geometry, channels: int, dtype: np.dtype) -> None:
        super().__init__(path, spec)
        self.geometry, self.channels, self.dtype = geometry, channels, dtype
        self.space, self.spacing_mm = geometry.size, geometry.voxel_mm
        if spec.spatial_dims != 3:
            raise UnfitImageError(path, "is a volume", "pictures", "give it slices as pages of a TIFF")
        if channels != spec.channels:
            several = f"{spec.channels} channel{'s' if spec.channels > 1 else ''}"
            advice = "give images like those that it was trained on"
            if spec.channels > 1:
                last = spec.channels - 1
                advice = (
                    f"put them into one file, or give files called {_stem(path)}_0000.nii.gz to …_{last:04d}.nii.gz"
                )
            raise UnfitImageError(path, f"has {channels} channel{'s' if channels > 1 else ''}", several, advice)

    def _decode(self, page: int, window: Window) -> Tensor:
        stored = self._upright(window)
        values = np.ascontiguousarray(as_float32(stored, self.path, stored.shape[1:] == self.space))
        # All windows of one volume have one type, independent of their values.
        return torch.from_numpy(values) if self.windowed else int16_if_exact(values)

    @abstractmethod
    def _upright(self, window: Window) -> Shaped[np.ndarray, "channels x y z"]:
        """Values of a window of the upright volume."""

    def write(
        self,
        path: Path,
        maps: UInt8[np.ndarray, "pages layers *space"] | Float32[np.ndarray, "pages layers *space"],
    ) -> None:
        """Write one layer, or several as the fourth axis, with the shape, affine and units of the volume."""
        layers = maps[0] if maps.shape[1] > 1 else maps[0, 0]
        write_values(path, self.geometry.in_file(layers), self.geometry)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")
