import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))  # works without installation

from i3dbox.commands import main  # noqa: E402

if __name__ == '__main__':
    raise SystemExit(main('app'))
