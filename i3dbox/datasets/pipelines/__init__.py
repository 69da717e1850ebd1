"""Steps that turn a sample into arrays: one file per family, each step is in PIPELINES."""

from .compose import Compose

__all__ = ['Compose']
