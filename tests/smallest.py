"""The smallest form of each backbone of the package."""

ONE = (1, 1, 1, 1)  # block each layer
SMALLEST = dict(
    InceptionI3D=dict(endpoints='Mixed_3b'),
    ResNet3d=dict(depth=18, stage_blocks=ONE),
    ResNet3dSlowOnly=dict(depth=18, stage_blocks=ONE),
    ResNet2Plus1d=dict(depth=18, stage_blocks=ONE),
    ResNet3dCSN=dict(depth=50, stage_blocks=ONE),
    ResNet3dSlowFast=dict(depth=18, stage_blocks=ONE),
    S3D=dict(gating=True, endpoints='Mixed_3b'),
    C3D=dict(out_dim=512),
)
