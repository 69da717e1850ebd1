"""How public checkpoints of residual networks name what this project calls
backbone.layer1.0.conv1.conv.weight and so on.

Each scheme is a list of (pattern, replacement), tried in order; a name becomes what the first that
matches all of it makes of it. Batch norms are PyTorch's everywhere.

- 'torchvision', r3d_18, mc3_18, r2plus1d_18: stem.0.weight, layer1.0.conv1.0.weight, fc.weight
- 'ImageNet_ResNet', resnet18 to resnet152, of images: conv1.weight, layer1.0.bn1.weight; without fc
- 'mmaction2', ResNet3d and its kin: backbone.layer1.0.conv1.conv.weight, cls_head.fc_cls.weight
- 'mmaction2_slowfast': backbone.slow_path.layer1.0.conv1.conv.weight
- 'pytorchvideo', slow_r50, i3d_r50, c2d_r50, csn_r101: blocks.1.res_blocks.0.branch2.conv_a.weight
- 'pytorchvideo_slowfast', slowfast_r50: blocks.1.multipathway_blocks.0.res_blocks.0.branch2...
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from . import s3d_c3d_names

_TAIL = r'(weight|bias|running_mean|running_var)'
_BLOCK = r'(layer\d\.\d+)'
_RES = r'blocks\.(\d)\.res_blocks\.(\d+)'
_PATHS = r'blocks\.(\d)\.multipathway_blocks\.([01])'
_TORCHVISION_SHORTCUT = [
    (rf'{_BLOCK}\.downsample\.0\.{_TAIL}', r'\1.downsample.conv.\2'),
    (rf'{_BLOCK}\.downsample\.1\.{_TAIL}', r'\1.downsample.bn.\2'),
]
IMAGES = 'ImageNet_ResNet'
SCHEMES = {
    'torchvision': [
        (rf'stem\.0\.{_TAIL}', r'conv1.conv.\1'),
        (rf'stem\.1\.{_TAIL}', r'conv1.bn.\1'),
        (rf'{_BLOCK}\.(conv\d)\.0\.{_TAIL}', r'\1.\2.conv.\3'),
        (rf'{_BLOCK}\.(conv\d)\.1\.{_TAIL}', r'\1.\2.bn.\3'),
        *_TORCHVISION_SHORTCUT,
        (rf'fc\.{_TAIL}', r'head.logits.\1'),
    ],
    IMAGES: [
        (rf'conv1\.{_TAIL}', r'conv1.conv.\1'),
        (rf'bn1\.{_TAIL}', r'conv1.bn.\1'),
        (rf'{_BLOCK}\.(conv\d)\.{_TAIL}', r'\1.\2.conv.\3'),
        (rf'{_BLOCK}\.bn(\d)\.{_TAIL}', r'\1.conv\2.bn.\3'),
        *_TORCHVISION_SHORTCUT,
    ],
    'torchvision_2plus1d': [
        (rf'stem\.0\.{_TAIL}', r'conv1.space.conv.\1'),
        (rf'stem\.1\.{_TAIL}', r'conv1.space.bn.\1'),
        (rf'stem\.3\.{_TAIL}', r'conv1.time.conv.\1'),
        (rf'stem\.4\.{_TAIL}', r'conv1.time.bn.\1'),
        (rf'{_BLOCK}\.(conv\d)\.0\.0\.{_TAIL}', r'\1.\2.space.conv.\3'),
        (rf'{_BLOCK}\.(conv\d)\.0\.1\.{_TAIL}', r'\1.\2.space.bn.\3'),
        (rf'{_BLOCK}\.(conv\d)\.0\.3\.{_TAIL}', r'\1.\2.time.conv.\3'),
        (rf'{_BLOCK}\.(conv\d)\.1\.{_TAIL}', r'\1.\2.time.bn.\3'),
        *_TORCHVISION_SHORTCUT,
        (rf'fc\.{_TAIL}', r'head.logits.\1'),
    ],
    'mmaction2_2plus1d': [
        (rf'backbone\.(conv1|{_BLOCK}\.conv\d)\.conv\.conv_s\.{_TAIL}', r'\1.space.conv.\3'),
        (rf'backbone\.(conv1|{_BLOCK}\.conv\d)\.conv\.bn_s\.{_TAIL}', r'\1.space.bn.\3'),
        (rf'backbone\.(conv1|{_BLOCK}\.conv\d)\.conv\.conv_t\.{_TAIL}', r'\1.time.conv.\3'),
        (rf'backbone\.(conv1|{_BLOCK}\.conv\d)\.bn\.{_TAIL}', r'\1.time.bn.\3'),
        (rf'backbone\.{_BLOCK}\.downsample\.conv\.conv_s\.{_TAIL}', r'\1.downsample.space.conv.\2'),
        (rf'backbone\.{_BLOCK}\.downsample\.conv\.bn_s\.{_TAIL}', r'\1.downsample.space.bn.\2'),
        (rf'backbone\.{_BLOCK}\.downsample\.conv\.conv_t\.{_TAIL}', r'\1.downsample.time.conv.\2'),
        (rf'backbone\.{_BLOCK}\.downsample\.bn\.{_TAIL}', r'\1.downsample.time.bn.\2'),
        (rf'cls_head\.fc_cls\.{_TAIL}', r'head.logits.\1'),
    ],
    'mmaction2': [
        (rf'backbone\.conv1\.(conv|bn)\.{_TAIL}', r'conv1.\1.\2'),
        (rf'backbone\.{_BLOCK}\.(conv\d|downsample)\.(conv|bn)\.{_TAIL}', r'\1.\2.\3.\4'),
        (rf'backbone\.{_BLOCK}\.conv2\.(\d)\.(conv|bn)\.{_TAIL}', r'\1.conv2.\2.\3.\4'),
        (rf'backbone\.{_BLOCK}\.non_local_block\.(g|phi)\.0\.conv\.{_TAIL}', r'\1.non_local.\2.\3'),
        (rf'backbone\.{_BLOCK}\.non_local_block\.theta\.conv\.{_TAIL}', r'\1.non_local.theta.\2'),
        (rf'backbone\.{_BLOCK}\.non_local_block\.conv_out\.conv\.{_TAIL}', r'\1.non_local.out.\2'),
        (rf'backbone\.{_BLOCK}\.non_local_block\.conv_out\.bn\.{_TAIL}', r'\1.non_local.bn.\2'),
        (rf'cls_head\.fc_cls\.{_TAIL}', r'head.logits.\1'),
    ],
    'mmaction2_slowfast': [
        (rf'backbone\.(slow|fast)_path\.conv1\.(conv|bn)\.{_TAIL}', r'conv1.\1.unit.\2.\3'),
        (
            rf'backbone\.(slow|fast)_path\.(layer\d)\.(\d+)\.(conv\d|downsample)\.(conv|bn)\.{_TAIL}',
            r'\2.\1.\3.\4.\5.\6',
        ),
        (
            rf'backbone\.slow_path\.(conv1|layer\d)_lateral\.(conv|bn)\.{_TAIL}',
            r'\1.lateral.\2.\3',
        ),
        (rf'cls_head\.fc_cls\.{_TAIL}', r'head.logits.\1'),
    ],
    'pytorchvideo_slowfast': [
        (rf'blocks\.0\.multipathway_blocks\.([01])\.conv\.{_TAIL}', r'conv1.<p\1>.unit.conv.\2'),
        (rf'blocks\.0\.multipathway_blocks\.([01])\.norm\.{_TAIL}', r'conv1.<p\1>.unit.bn.\2'),
        (rf'blocks\.0\.multipathway_fusion\.conv_fast_to_slow\.{_TAIL}', r'conv1.lateral.conv.\1'),
        (rf'blocks\.0\.multipathway_fusion\.norm\.{_TAIL}', r'conv1.lateral.bn.\1'),
        (
            rf'blocks\.(\d)\.multipathway_fusion\.conv_fast_to_slow\.{_TAIL}',
            r'<\1>.lateral.conv.\2',
        ),
        (rf'blocks\.(\d)\.multipathway_fusion\.norm\.{_TAIL}', r'<\1>.lateral.bn.\2'),
        (
            rf'{_PATHS}\.res_blocks\.(\d+)\.branch1_conv\.{_TAIL}',
            r'<\1>.<p\2>.\3.downsample.conv.\4',
        ),
        (
            rf'{_PATHS}\.res_blocks\.(\d+)\.branch1_norm\.{_TAIL}',
            r'<\1>.<p\2>.\3.downsample.bn.\4',
        ),
        (
            rf'{_PATHS}\.res_blocks\.(\d+)\.branch2\.conv_([abc])\.{_TAIL}',
            r'<\1>.<p\2>.\3.<\4>.conv.\5',
        ),
        (
            rf'{_PATHS}\.res_blocks\.(\d+)\.branch2\.norm_([abc])\.{_TAIL}',
            r'<\1>.<p\2>.\3.<\4>.bn.\5',
        ),
        (rf'blocks\.\d\.proj\.{_TAIL}', r'head.logits.\1'),
    ],
    'pytorchvideo': [
        (rf'blocks\.0\.conv\.{_TAIL}', r'conv1.conv.\1'),
        (rf'blocks\.0\.norm\.{_TAIL}', r'conv1.bn.\1'),
        (rf'{_RES}\.branch1_conv\.{_TAIL}', r'<\1>.\2.downsample.conv.\3'),
        (rf'{_RES}\.branch1_norm\.{_TAIL}', r'<\1>.\2.downsample.bn.\3'),
        (
            rf'{_RES}\.branch2\.conv_([abc])\.{_TAIL}',
            r'<\1>.\2.<\3>.conv.\4',
        ),
        (
            rf'{_RES}\.branch2\.norm_([abc])\.{_TAIL}',
            r'<\1>.\2.<\3>.bn.\4',
        ),
        (rf'blocks\.\d\.proj\.{_TAIL}', r'head.logits.\1'),
    ],
    **s3d_c3d_names.SCHEMES,
}
NORM = dict(weight='gamma', bias='beta', running_mean='moving_mean', running_var='moving_variance')


def residual_names(names: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """Finds the scheme of a checkpoint.

    Args:
        names: of its tensors; 'num_batches_tracked' are none of a network's.

    Returns:
        (scheme, their name -> ours) of the scheme that knows most names; None where none knows a
        convolution.
    """
    names = [name for name in names if not name.endswith('num_batches_tracked')]
    found = {scheme: _renamed(names, rules) for scheme, rules in SCHEMES.items()}
    best = max(found, key=lambda scheme: len(found[scheme]))
    return (best, found[best]) if any('conv' in name for name in found[best].values()) else None


def _renamed(names, rules):
    found = {}
    for name in names:
        for pattern, replacement in rules:
            match = re.fullmatch(pattern, name, re.ASCII)
            if match:
                found[name] = match.expand(replacement)
                break
    stages = sorted({ours.split('.')[0] for ours in found.values() if ours.startswith('<')})
    numbers = {stage: f'layer{number}' for number, stage in enumerate(stages, 1)}
    numbers.update({'<a>': 'conv1', '<b>': 'conv2', '<c>': 'conv3'})
    numbers.update({'<p0>': 'slow', '<p1>': 'fast'}, **s3d_c3d_names.LAYERS)
    separated = any('.conv2.1.' in ours for ours in found.values())
    return {theirs: _ours(ours, numbers, separated) for theirs, ours in found.items()}


def _ours(name, numbers, separated):
    parts = [numbers.get(part, part) for part in name.split('.')]
    *path, tail = parts
    if not separated and path[-3:-1] == ['conv2', '0']:  # CSN's, of one convolution
        del path[-2]
    if path[-1] == 'bn':
        tail = NORM[tail]
    return '.'.join([*path, tail] if path[0] == 'head' else ['backbone', *path, tail])
