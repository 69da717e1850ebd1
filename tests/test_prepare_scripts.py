"""From the downloaded archives to data that trains, by one script."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest
from videos import moving_frames, write_video

from i3dbox.registry import DATASETS

TOOLS = pathlib.Path(__file__).parents[1] / 'tools/data'
ODD_NAME = "#20 Rhythm [clap] (x)&+!; it's_1.avi"


def rar(files):
    """A RAR 4 archive of (name, bytes), stored without compression."""

    def block(kind, flags, body):
        head = struct.pack('<BHH', kind, flags, 7 + len(body)) + body
        return struct.pack('<H', zlib.crc32(head) & 0xFFFF) + head

    data = b'Rar!\x1a\x07\x00' + block(0x73, 0, bytes(6))
    for name, content in files.items():
        name = name.replace('/', '\\').encode()  # the format's separator
        body = struct.pack(
            '<IIBIIBBHI',
            len(content),
            len(content),
            3,
            zlib.crc32(content),
            0x21 << 16,
            20,
            0x30,
            len(name),
            0o100644,
        )
        data += block(0x74, 0x8000, body + name) + content
    return data + block(0x7B, 0x4000, b'')


def video(folder, seed):
    path = write_video(folder / f'{seed}.avi', moving_frames(5 + seed, seed=seed))
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.fixture
def hmdb51(tmp_path):
    """A folder of HMDB51's two archives: two classes, each a RAR inside of the RAR."""
    classes = {
        'clap': {f'clap/{ODD_NAME}': video(tmp_path, 0), 'clap/b.avi': video(tmp_path, 1)},
        'kick': {'kick/c.avi': video(tmp_path, 2), 'kick/d.avi': video(tmp_path, 3)},
    }
    root = tmp_path / 'hmdb51'
    root.mkdir()
    (root / 'hmdb51_org.rar').write_bytes(
        rar({f'{name}.rar': rar(files) for name, files in classes.items()})
    )
    splits = {}
    for split in (1, 2, 3):
        for name, files in classes.items():
            lines = [f'{os.path.basename(file)} {1 + i} \n' for i, file in enumerate(files)]
            splits[f'testTrainMulti_7030_splits/{name}_test_split{split}.txt'] = ''.join(
                lines
            ).encode()
    (root / 'test_train_splits.rar').write_bytes(rar(splits))
    return root


def prepare(name, *words, tools=()):
    """Runs a script where of the unpackers only `tools` are on the PATH."""
    folder = pathlib.Path(words[0]).parent / 'bin'
    folder.mkdir(exist_ok=True)
    for tool in ('bash', 'dirname', 'mkdir', 'rm', 'mv', 'sed', *tools):
        if not (folder / tool).exists():
            (folder / tool).symlink_to(shutil.which(tool))
    path = os.pathsep.join([str(folder), os.path.join(sys.prefix, 'bin')])
    return subprocess.run(
        ['bash', TOOLS / f'prepare_{name}.sh', *words],
        capture_output=True,
        text=True,
        env={**os.environ, 'PATH': path, 'VIRTUAL_ENV': sys.prefix},
    )


SMALL = ('--short-side', '32', '--workers', '1')


@pytest.mark.slow
@pytest.mark.parametrize('tool', ['bsdtar', 'unar', 'unrar'])
def test_hmdb51_becomes_what_the_configs_expect(hmdb51, tool):
    if not shutil.which(tool):
        pytest.skip(f'{tool} is not here')
    done = prepare('hmdb51', hmdb51, *SMALL, tools=[tool])
    assert done.returncode == 0, done.stderr
    for source, modality in (('video', 'RGB'), ('frames', 'RGB'), ('frames', 'Flow')):
        dataset = DATASETS.build(
            dict(
                type='HMDB51Dataset',
                data_root=str(hmdb51),
                source=source,
                modality=modality,
                pipeline=[dict(type='OpenClip')],
            )
        )
        assert [sample['name'] for sample in dataset.samples] == [f'clap/{ODD_NAME[:-4]}', 'kick/c']
        assert [dataset.load(i, None)['total_frames'] for i in (0, 1)] == [
            5 - (modality == 'Flow'),
            7 - (modality == 'Flow'),
        ]
    content = json.loads((hmdb51 / 'annotations/hmdb51_1.json').read_text())
    assert content['database']['d'] == dict(
        subset='validation', annotations=dict(label='kick', segment=[1, 9])
    )
    again = prepare('hmdb51', hmdb51, *SMALL, tools=[tool])
    assert (
        again.returncode == 0
        and 'videos: there already' in again.stdout
        and '4 were there already' in again.stdout
    )
    assert not [path for path in hmdb51.iterdir() if path.name.startswith('.')]


@pytest.mark.slow
def test_ucf101_is_unpacked_and_a_failing_video_stops_nothing_else(tmp_path):
    if not shutil.which('bsdtar'):
        pytest.skip('bsdtar is not here')
    root = tmp_path / 'ucf101'
    root.mkdir()
    (root / 'UCF101.rar').write_bytes(
        rar(
            {
                'UCF-101/A/v_A_g01_c01.avi': video(tmp_path, 1),
                'UCF-101/A/v_A_g02_c01.avi': b'no video',
            }
        )
    )
    with zipfile.ZipFile(root / 'UCF101TrainTestSplits-RecognitionTask.zip', 'w') as archive:
        archive.writestr('ucfTrainTestlist/classInd.txt', '1 A\n')
        archive.writestr('ucfTrainTestlist/trainlist01.txt', 'A/v_A_g01_c01.avi 1\n')
        archive.writestr('ucfTrainTestlist/testlist01.txt', 'A/v_A_g02_c01.avi\n')
    done = prepare('ucf101', root, '--steps', 'videos,splits,flow', *SMALL, tools=['bsdtar'])
    assert done.returncode == 1 and 'v_A_g02_c01.avi: this is no video' in done.stderr
    assert f'some videos failed, see above; the rest is ready in {root}' in done.stderr
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == [
        'flow',
        'splits',
        'videos',
    ]
    assert (root / 'flow/A/v_A_g01_c01/image_00005x.jpg').exists()


def test_a_missing_unpacker_or_archive_is_told(hmdb51, tmp_path):
    done = prepare('hmdb51', hmdb51)
    assert done.returncode == 1
    assert (
        'needs bsdtar (Debian: apt install libarchive-tools), unar or unrar, and none is here'
        in done.stderr
    )
    done = prepare('ucf101', tmp_path / 'empty')
    assert done.returncode == 1 and 'put the downloaded UCF101.rar into' in done.stderr
    assert prepare('ucf101', tmp_path / 'empty', '--steps', 'fly').returncode == 2


def test_a_truncated_archive_leaves_no_videos(hmdb51):
    if not shutil.which('bsdtar'):
        pytest.skip('bsdtar is not here')
    archive = hmdb51 / 'hmdb51_org.rar'
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) * 2 // 3])
    done = prepare('hmdb51', hmdb51, tools=['bsdtar'])
    assert done.returncode == 1 and 'could not be unpacked; is the download whole?' in done.stderr
    assert not (hmdb51 / 'videos').exists()
    archive.write_bytes(whole)
    assert prepare('hmdb51', hmdb51, '--steps', 'videos', tools=['bsdtar']).returncode == 0
    assert sorted(os.listdir(hmdb51 / 'videos')) == ['clap', 'kick']


def test_wrong_arguments_are_told_before_anything_is_unpacked(hmdb51):
    done = prepare('hmdb51', hmdb51, '--workers', '1', '--foo', tools=[])
    assert done.returncode == 2 and "'--foo' is no argument here" in done.stderr
    assert prepare('hmdb51', hmdb51, '--steps', tools=[]).returncode == 2
