"""The recipe of the MindSpore 1.5 implementation that i3dbox replaces, for RGB streams.

From 400-class Kinetics weights, only the head and the last two blocks train. It was made for 8
devices of batch 8. What was wrong in it is mended here: see docs/faq.md.
"""

load_from = 'zoo://i3d_rgb_kinetics400'
freeze = dict(finetune_prefixes=['logits', 'Mixed_5'])
optimizer = dict(type='Adam', lr=0.001, weight_decay=1e-8)
schedule = dict(type='HalvingLR', every=4)
total_epochs = 40
