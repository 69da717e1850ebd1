"""Python files as configs: `_base_`, overrides, what a value may be, and the configs that are
shipped.
"""

from .config import Config

__all__ = ['Config']
