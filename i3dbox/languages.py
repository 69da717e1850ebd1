"""The languages of guides and reports, and which of them the system speaks."""

from __future__ import annotations

import os

LANGUAGES = ('en', 'zh')


def system_language() -> str:
    """Returns 'zh' where the system speaks Chinese, else 'en'."""
    spoken = next(
        (value for key in ('LC_ALL', 'LC_MESSAGES', 'LANG') if (value := os.environ.get(key))), ''
    )
    return 'zh' if spoken.lower().startswith('zh') else 'en'
