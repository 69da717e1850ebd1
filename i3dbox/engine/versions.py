"""What is known of MindSpore's versions."""

import re


def cpu_warning(version):
    """Returns a warning (str) if MindSpore `version` makes CPU runs far slower than others do, else None.

    From 2.9.0 on, at least up to 2.10.0, every CPU convolution wider than 1x1x1 falls to oneDNN's reference
    kernel. Measured on 2 cores of an AMD EPYC: a 64-channel 3x3x3 convolution at 8 x 28 x 28 takes 1370 to
    1640 ms, and 14 ms in 2.8.0.
    """
    numbers = re.match(r'(\d+)\.(\d+)', version)
    if numbers and tuple(map(int, numbers.groups())) >= (2, 9):
        return (f'MindSpore {version} computes convolutions on the CPU about 100 times slower than 2.8.0: '
                'install mindspore==2.8.0 for CPU runs')
    return None
