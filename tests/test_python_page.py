"""The programs of docs/python.md run as they stand there, on made-up weights and small videos."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest
from i3d_weights import write_i3d_checkpoint
from videos import moving_frames, write_video

PAGE = pathlib.Path(__file__).parents[1] / 'docs' / 'python.md'
PROGRAMS = re.findall(r'## (.+?)\n.*?```python\n(.+?)```', PAGE.read_text(), re.DOTALL)
# What would take minutes is brought down to seconds.
SMALL = {
    "'my_videos', ": "'my_videos', epochs=1, options={'data.batch_size': 2}, ",
    "{'total_epochs': 1}": "{'total_epochs': 1, 'model.backbone.endpoints': 'Mixed_3b', **{"
    "f'data.{data}.generation': dict(train_groups=2, test_groups=1, clips_per_group=1) "
    "for data in ('train', 'val', 'test')}}",
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('page')
    (folder / 'cache').mkdir()
    names = [f'action {i}' for i in range(400)]
    path = folder / 'cache/i3d_rgb_kinetics400.ckpt'
    write_i3d_checkpoint(path, 'RGB', 400, classes=names)
    mine = [f'my_videos/{action}/{name}.mp4' for action in ('wave', 'clap') for name in 'ab']
    for name in ('a.mp4', 'videos/b.mp4', *mine):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(folder / name, moving_frames(18, 64, 48), 'mp4v')
    return folder


@pytest.mark.slow
@pytest.mark.parametrize('title, program', PROGRAMS, ids=[title for title, _ in PROGRAMS])
def test_a_program_of_the_page_runs(folder, title, program, monkeypatch):
    if 'ONNX' in program and not importlib.util.find_spec('onnx'):
        pytest.skip('onnx is not here')
    for text, smaller in SMALL.items():
        program = program.replace(text, smaller)
    monkeypatch.setenv('I3DBOX_CACHE', str(folder / 'cache'))
    (folder / 'program.py').write_text(program)
    done = subprocess.run(
        [sys.executable, 'program.py'], cwd=folder, text=True, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    if title == 'What happens in a video':
        assert len(re.findall(r'^ *\d+\.\d%  action \d+$', done.stdout, re.MULTILINE)) == 5


def test_the_page_has_seven_programs():
    assert len(PROGRAMS) == 7
