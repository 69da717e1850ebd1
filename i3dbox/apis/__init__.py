"""What commands and notebooks call. `load_exported` is here, as it needs no MindSpore."""

from .exported import load_exported

__all__ = ['load_exported']
