"""The smallest form of each backbone of the package."""

SMALLEST = dict(
    InceptionI3D=dict(endpoints='Mixed_3b'),
    ResNet3d=dict(depth=18),
    ResNet3dSlowOnly=dict(depth=18),
    ResNet2Plus1d=dict(depth=18),
    ResNet3dCSN=dict(depth=50),
    ResNet3dSlowFast=dict(depth=18),
    S3D=dict(gating=True),
    C3D=dict(out_dim=512),
)
