"""The original's recipe for flow streams: longer, and the rate goes up again once."""

_base_ = './original_rgb.py'
load_from = 'zoo://i3d_flow_kinetics400'
schedule = dict(restart_at=5e-5)
total_epochs = 60
