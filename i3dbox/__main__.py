"""`python -m i3dbox NAME ...` is `i3dbox NAME ...`."""

import sys

from .commands import cli

if __name__ == '__main__':
    sys.exit(cli())
