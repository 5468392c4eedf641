"""Train, test and reports: `python run.py model=e2unet group=c8 data=drive`; `--help` lists what can be typed.

It is `python -m gequnet.train`, and `gequnet train` where gequnet is installed.
"""

import sys

from gequnet.train.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
