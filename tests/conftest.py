"""What tests share."""

import os
import pathlib

import pytest


def _shared_data():
    named = os.environ.get('I3DBOX_SHARED_DATA')
    return pathlib.Path(named) if named else pathlib.Path(__file__).parents[2] / 'shared' / 'data'


@pytest.fixture(scope='session')
def shared_data():
    """The folder of real sample videos and lists; tests that need it skip where it is absent."""
    folder = _shared_data()
    if not folder.is_dir():
        pytest.skip('the folder of sample data is not here')
    return folder
