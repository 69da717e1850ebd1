"""From a video to an answer: a model by its name, clips that slide over a video, scores and
features.
"""
