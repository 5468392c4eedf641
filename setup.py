"""Packages of the distribution: gequnet, its configurations as gequnet.conf, and its plugins for Hydra.

The rest is in pyproject.toml. Packages are listed here because `conf/` lies beside `gequnet/`, and because
`hydra_plugins` is a namespace that other distributions share.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["gequnet", "gequnet.*"]), "gequnet.conf", "hydra_plugins"],
    package_dir={"gequnet.conf": "conf"},
    package_data={
        "": ["*.pyi", "py.typed"],
        "gequnet.conf": ["**/*.yaml"],
        "gequnet.data": ["splits/*.json"],
        "gequnet.report": ["*.j2"],
    },
)
