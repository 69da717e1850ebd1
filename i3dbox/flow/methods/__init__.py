"""Optical flow methods, one file per family, each in the registry FLOW_METHODS.

A method is a callable of two uint8 H x W grey images that returns the flow from the first to the
second: float32 H x W x 2, x (to the right) and y (downwards), in pixels. It may be called from
several threads at once.
"""
