"""What tests share."""

import collections
import os
import pathlib
import shutil

import cv2
import numpy as np
import pytest
from logs import own_log
from videos import write_images

NUM_REAL_FRAMES = 24  # in each folder of frames of `real_root`
REAL_ROOT = 'ucf101'  # its folder, which every module of the run shares


@pytest.fixture(autouse=True)
def english(monkeypatch):
    """Has reports and guides in English, whatever the system speaks."""
    for name in ('LC_ALL', 'LC_MESSAGES'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('LANG', 'C.UTF-8')


@pytest.fixture(autouse=True)
def quiet_log():
    """Takes back what a run has set up in the project's logger, so that no test hears of another
    one's.
    """
    with own_log():
        yield


@pytest.fixture(scope='module', autouse=True)
def emptied_folders(tmp_path_factory):
    """Removes what the fixtures of a module wrote, when its last test has passed.

    pytest keeps the folders of `mktemp` until the end of the run: six gigabytes of checkpoints.
    """
    base, failed = tmp_path_factory.getbasetemp(), _failures.copy()
    before = set(base.iterdir())
    yield
    if _failures == failed:
        for folder in set(base.iterdir()) - before:
            if not folder.name.startswith(REAL_ROOT):
                shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup():
    """Does the same for what a fixture runs: those of modules are there before `quiet_log`."""
    with own_log():
        yield


_failures = set()


def pytest_collection_modifyitems(items):
    """Has the files with most slow tests run first: the worker that is left with a long one at the
    end would keep the others waiting.
    """
    slow = collections.Counter(item.path for item in items if item.get_closest_marker('slow'))
    items.sort(key=lambda item: -slow[item.path])


def pytest_runtest_logreport(report):
    if report.failed:
        _failures.add(report.nodeid)


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


@pytest.fixture(scope='session')
def real_root(shared_data, tmp_path_factory):
    """Four videos of two classes; their first frames as folders, and made-up flow with one image
    less.
    """
    root = tmp_path_factory.mktemp(REAL_ROOT)
    lines = []
    for i, source in enumerate(
        ('test.avi', 'part_0.mp4', 'test_video_structuralize.mp4', 'test.mp4')
    ):
        label = i % 2 + 1
        name = f'Class{label}/v_Class{label}_g0{i + 1}_c01'
        video = root / 'videos' / f'{name}.avi'
        video.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shared_data / 'videos' / source, video)
        capture = cv2.VideoCapture(str(video))
        frames = [capture.read()[1] for _ in range(NUM_REAL_FRAMES)]
        flow = [
            np.full((*frame.shape[:2], 2), 128 + k, np.uint8) for k, frame in enumerate(frames[:-1])
        ]
        for folder, images, template in (
            ('rawframes', [f[..., ::-1] for f in frames], 'image_{:05d}.jpg'),
            ('flow', flow, 'image_{1:05d}{0}.jpg'),
        ):
            write_images(root / folder / name, images, template)
            (root / folder / name / 'n_frames').write_text(str(len(images)))
        lines.append(f'{name}.avi {label}\n')
    (root / 'splits').mkdir()
    (root / 'splits' / 'classInd.txt').write_text('1 Class1\n2 Class2\n')
    (root / 'splits' / 'trainlist01.txt').write_text(''.join(lines))
    (root / 'splits' / 'testlist01.txt').write_text(''.join(lines))
    return root


@pytest.fixture(scope='module')
def tiny_export(tmp_path_factory):
    """A function: exports the tiny network in a folder of its own, see tiny_export.export_tiny."""
    from tiny_export import export_tiny  # which needs MindSpore

    return lambda *args, **arguments: export_tiny(
        tmp_path_factory.mktemp('tiny'), *args, **arguments
    )
