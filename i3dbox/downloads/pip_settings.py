"""What pip is set up for, so that packages come from where this machine's others came from.

https://pip.pypa.io/en/stable/topics/configuration/
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import NamedTuple

import pypi_simple

_LIST = (sys.executable, '-m', 'pip', 'config', 'list')
_SECTIONS = ('global', 'install', ':env:')  # the last one that sets a key wins
_FALSE = ('', '0', 'false', 'no', 'off', 'n', 'f')


class PipSettings(NamedTuple):
    """pip's settings that say where packages are.

    Attributes:
        indexes: URLs of simple indexes, in the order in which they are asked; they may hold a name
            and a password.
        find_links: folders, and pages, of archives.
        trusted_hosts: whose certificates are not looked at, HOST or HOST:PORT.
        cert: a file of certificates to trust.
        client_cert: a file with the certificate that this machine shows.
        proxy: a URL.
    """

    indexes: tuple[str, ...]
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None


def pip_settings() -> PipSettings:
    """Returns pip's settings, from its files and its variables; where there is no pip, from the
    variables alone. An index that nobody named is pip's own.
    """
    listed = subprocess.run(
        _LIST,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if listed.returncode == 0:
        values = _read(listed.stdout)
    else:
        values = {
            name[len('PIP_') :].lower().replace('_', '-'): value
            for name, value in os.environ.items()
            if name.startswith('PIP_')
        }
    indexes = ()
    if values.get('no-index', '').lower() in _FALSE:
        first = values.get('index-url') or pypi_simple.PYPI_SIMPLE_ENDPOINT
        indexes = (first, *values.get('extra-index-url', '').split())
    return PipSettings(
        indexes,
        tuple(values.get('find-links', '').split()),
        tuple(values.get('trusted-host', '').split()),
        values.get('cert'),
        values.get('client-cert'),
        values.get('proxy'),
    )


def _read(listed):
    """Returns the values by key out of lines as global.index-url='https://...'."""
    sections = {section: {} for section in _SECTIONS}
    for line in listed.splitlines():
        name, _, value = line.partition('=')
        section, _, key = name.rpartition('.')
        if section in sections:
            try:
                sections[section][key] = str(ast.literal_eval(value))
            except (ValueError, SyntaxError):
                continue
    return {key: value for section in _SECTIONS for key, value in sections[section].items()}
