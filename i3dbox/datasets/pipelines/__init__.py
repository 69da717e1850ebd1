"""Steps that turn a sample into arrays: one file a family, each step in the registry PIPELINES."""

from .compose import Compose

__all__ = ['Compose']
