"""How public checkpoints of S3D and C3D name what this project calls
backbone.Mixed_3b.b1b.space.conv.weight and so on: schemes as in resnet_names.

- 'torchvision_s3d', s3d: features.5.branch1.1.0.0.weight, classifier.1.weight
- 'mmaction2_c3d', C3D: backbone.conv1a.conv.weight, backbone.fc6.weight, cls_head.fc_cls.weight;
  what it pretrained on Sports-1M is the backbone alone, conv1a.conv.weight
"""

from __future__ import annotations

from ..models.i3d_table import ENDPOINTS

_TAIL = r'(weight|bias|running_mean|running_var)'
_LAYER = r'features\.(\d+)'
_C3D = r'(?:backbone\.)?'
SCHEMES = {
    'torchvision_s3d': [
        (rf'{_LAYER}\.branch0\.0\.{_TAIL}', r'[\1].b0.conv.\2'),
        (rf'{_LAYER}\.branch0\.1\.{_TAIL}', r'[\1].b0.bn.\2'),
        (rf'{_LAYER}\.branch([12])\.0\.0\.{_TAIL}', r'[\1].b\2a.conv.\3'),
        (rf'{_LAYER}\.branch([12])\.0\.1\.{_TAIL}', r'[\1].b\2a.bn.\3'),
        (rf'{_LAYER}\.branch([12])\.1\.0\.0\.{_TAIL}', r'[\1].b\2b.space.conv.\3'),
        (rf'{_LAYER}\.branch([12])\.1\.0\.1\.{_TAIL}', r'[\1].b\2b.space.bn.\3'),
        (rf'{_LAYER}\.branch([12])\.1\.1\.0\.{_TAIL}', r'[\1].b\2b.time.conv.\3'),
        (rf'{_LAYER}\.branch([12])\.1\.1\.1\.{_TAIL}', r'[\1].b\2b.time.bn.\3'),
        (rf'{_LAYER}\.branch3\.1\.0\.{_TAIL}', r'[\1].b3b.conv.\2'),
        (rf'{_LAYER}\.branch3\.1\.1\.{_TAIL}', r'[\1].b3b.bn.\2'),
        (rf'{_LAYER}\.0\.0\.{_TAIL}', r'[\1].space.conv.\2'),
        (rf'{_LAYER}\.0\.1\.{_TAIL}', r'[\1].space.bn.\2'),
        (rf'{_LAYER}\.1\.0\.{_TAIL}', r'[\1].time.conv.\2'),
        (rf'{_LAYER}\.1\.1\.{_TAIL}', r'[\1].time.bn.\2'),
        (rf'{_LAYER}\.0\.{_TAIL}', r'[\1].conv.\2'),
        (rf'{_LAYER}\.1\.{_TAIL}', r'[\1].bn.\2'),
        (rf'classifier\.1\.{_TAIL}', r'head.logits.\1'),
    ],
    'mmaction2_c3d': [
        (rf'{_C3D}(conv\d[ab])\.(conv|bn)\.{_TAIL}', r'\1.\2.\3'),
        (rf'{_C3D}(fc[67])\.{_TAIL}', r'\1.dense.\2'),
        (rf'cls_head\.fc_cls\.{_TAIL}', r'head.logits.\1'),
    ],
}
# the layers that stand above by their number
LAYERS = {f'[{number}]': name for number, name in enumerate(ENDPOINTS)}
# their first convolutions, by the scheme
FIRST = {
    'torchvision_s3d': 'backbone.Conv3d_1a_7x7.space.conv.weight',
    'mmaction2_c3d': 'backbone.conv1a.conv.weight',
}
