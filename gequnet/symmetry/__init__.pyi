from .equivariance import equivariance_error as equivariance_error
from .equivariance import equivariance_report as equivariance_report
from .equivariance import exact_elements as exact_elements
from .equivariance import relative_error as relative_error
from .equivariance import scale_errors as scale_errors
from .gspace import Element as Element
from .gspace import FieldType as FieldType
from .gspace import PlaneGroup as PlaneGroup
from .gspace import Representation as Representation
from .scale_group import ScaleGroup as ScaleGroup

__all__ = [
    "Element",
    "FieldType",
    "PlaneGroup",
    "Representation",
    "ScaleGroup",
    "equivariance_error",
    "equivariance_report",
    "exact_elements",
    "relative_error",
    "scale_errors",
]
