from .datamodule import SegmentationDataModule as SegmentationDataModule
from .datasets.brats import Brats as Brats
from .datasets.camvid import CamVid as CamVid
from .datasets.cats import Cats as Cats
from .datasets.chase import Chase as Chase
from .datasets.drive import Drive as Drive
from .datasets.dsb2018 import Dsb2018 as Dsb2018
from .datasets.folder import PairedFolder as PairedFolder
from .datasets.fundus import FundusSource as FundusSource
from .datasets.hrf import Hrf as Hrf
from .datasets.isbi2012 import Isbi2012 as Isbi2012
from .datasets.msd import Msd as Msd
from .datasets.prime_fp20 import PrimeFp20 as PrimeFp20
from .datasets.retina import Retina as Retina
from .datasets.stare import Stare as Stare
from .datasets.voc2012 import Voc2012 as Voc2012
from .datasets.volumes import VolumeSource as VolumeSource
from .errors import DataError as DataError
from .phantoms.phantom_tumours import PhantomTumours as PhantomTumours
from .phantoms.phantom_vessels import PhantomVessels as PhantomVessels
from .scene import Scene as Scene
from .source import Source as Source
from .splits.folds import FoldedSource as FoldedSource
from .views.orientation_shift import OrientationShift as OrientationShift
from .views.rescaled import Rescaled as Rescaled

__all__ = [
    "Brats",
    "CamVid",
    "Cats",
    "Chase",
    "DataError",
    "Drive",
    "Dsb2018",
    "FoldedSource",
    "FundusSource",
    "Hrf",
    "Isbi2012",
    "Msd",
    "OrientationShift",
    "PairedFolder",
    "PhantomTumours",
    "PhantomVessels",
    "PrimeFp20",
    "Rescaled",
    "Retina",
    "Scene",
    "SegmentationDataModule",
    "Source",
    "Stare",
    "Voc2012",
    "VolumeSource",
]
