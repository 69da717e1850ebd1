"""Installation of i3dbox. `pip install -e .[test]` for work on the project itself."""

import pathlib
import re

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).parent
ONNX = ['onnx>=1.14', 'onnxruntime', 'openvino']  # writing ONNX, and the two runtimes that it is checked in


class build_with_configs(build_py):
    """Ships configs/ inside the package, so that an installed copy needs no checkout."""

    def run(self):
        super().run()
        if not getattr(self, 'editable_mode', False):
            for config in sorted((HERE / 'configs').rglob('*.py')):
                target = pathlib.Path(self.build_lib, 'i3dbox', config.relative_to(HERE))
                self.mkpath(str(target.parent))
                self.copy_file(str(config), str(target))


setup(
    name='i3dbox',
    version=re.search(r"__version__ = '(.+)'", (HERE / 'i3dbox/__init__.py').read_text(encoding='utf-8'))[1],
    description='Two-stream Inflated 3D ConvNets for action recognition on MindSpore',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.9,<3.13',
    packages=find_packages(include=['i3dbox', 'i3dbox.*']),
    cmdclass={'build_py': build_with_configs},
    install_requires=[
        # From 2.9 on, convolutions on the CPU are two orders of magnitude slower; see docs/faq.md.
        'mindspore>=2.7,<2.9',
        'numpy<2',  # what MindSpore 2.7 and 2.8 are built for
        'opencv-contrib-python-headless>=4.10,<4.12',  # the last for numpy 1; contrib has TV-L1
        'numba',  # compiles the TV-L1 flow
        'google-crc32c',  # checksums of TensorFlow's checkpoints
        'av>=14.2',  # FFmpeg: decodes videos
        'addict', 'yapf', 'terminaltables', 'tqdm', 'matplotlib',
        'pillow>=10.1',  # text in pictures
        'setuptools',  # MindSpore imports it and does not say so
    ],
    extras_require={
        # torch: the CPU build is enough; parity tests skip without it
        'test': ['pytest', 'pytest-xdist', 'psutil', 'scikit-learn', 'scipy', 'h5py',
                 'torch==2.13.0; python_version >= "3.10"', *ONNX],
        'features': ['h5py'],  # features in HDF5
        'onnx': ONNX,
        'tensorboard': ['tensorboardX'],
    },
    entry_points={'console_scripts': ['i3dbox = i3dbox.commands:cli']},
)
