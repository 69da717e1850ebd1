"""What the commands answer, as numbers: for holding a changed house against the one before.

    python tests/answers.py before.npz                 # in the old checkout
    python tests/answers.py after.npz --against before.npz

A small network of both streams is trained, killed half-way and resumed on SyntheticActions; then
every door is asked. On one machine and one set of packages two runs are equal to the last bit.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from videos import moving_frames, write_video

ROOT = pathlib.Path(__file__).parents[1]
STREAMS = ('rgb', 'flow')
PROTOCOLS = ('whole', 'centre', 'uniform', 'views', 'drawn')
GROUPS = dict(train_groups=2, test_groups=1, clips_per_group=1)
SMALL = {
    'model.backbone.endpoints': 'Mixed_3b',
    **{f'data.{data}.generation': GROUPS for data in ('train', 'val', 'test')},
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out')
    parser.add_argument('--against')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = answers(pathlib.Path(folder))
    np.savez_compressed(args.out, **found)
    if args.against:
        with np.load(args.against) as before:
            sys.exit(report(dict(before), found))


def report(before, after):
    """Prints what differs. Returns how many answers do."""
    differing = 0
    for name in sorted({*before, *after}):
        one, other = before.get(name), after.get(name)
        if one is None or other is None or one.shape != other.shape:
            print(
                f'{name}: {None if one is None else one.shape} before, '
                f'{None if other is None else other.shape} now'
            )
        elif not np.array_equal(one, other):
            print(f'{name}: differs by up to {np.abs(one.astype(float) - other).max()}')
        else:
            continue
        differing += 1
    print(f'{len(before)} answers before, {len(after)} now; {differing} differ')
    return differing


def answers(folder):
    """Returns a dict of name to array of what the commands answer; `folder` is for their files."""
    found, checkpoints = {}, {}
    for stream in STREAMS:
        checkpoints[stream] = train(folder / stream, stream)
        found.update(weights(checkpoints[stream], stream))
        for protocol in PROTOCOLS:
            found[f'test {stream} {protocol}'] = test(stream, protocol, checkpoints, folder)
    video = write_video(folder / 'a.avi', moving_frames(90, 120, 90))
    both = [
        '--config',
        two_stream(folder),
        '--rgb',
        checkpoints['rgb'],
        '--flow',
        checkpoints['flow'],
    ]
    found['test joint'] = joint(both, folder)
    for stream in (*STREAMS, 'joint'):
        found.update(demo(video, both, stream, folder))
    found.update(features(video, both, folder))
    found.update(exported(checkpoints, folder))
    found['fvd'] = fvd(checkpoints['rgb'], folder)
    return found


def run(*words):
    command = 'import sys; from i3dbox.commands import cli; sys.exit(cli(sys.argv[1:]))'
    done = subprocess.run(
        [sys.executable, '-c', command, *map(str, words)], cwd=ROOT, text=True, capture_output=True
    )
    if done.returncode:
        sys.exit(f'i3dbox {" ".join(map(str, words))}\n{done.stderr}')
    return done.stdout


def options(**changes):
    return ['--cfg-options', *(f'{key}={value}' for key, value in {**SMALL, **changes}.items())]


def train(work_dir, stream):
    config = f'configs/i3d_{stream}_synthetic.py'
    run('train', config, '--work-dir', work_dir, *options(total_epochs=1))
    run(
        'train',
        work_dir / pathlib.Path(config).name,
        '--work-dir',
        work_dir,
        '--resume',
        '--cfg-options',
        'total_epochs=2',
    )
    return work_dir / (work_dir / 'last_checkpoint').read_text().strip()


def weights(path, stream):
    import mindspore

    return {
        f'weights {stream} {name}': value.asnumpy()
        for name, value in mindspore.load_checkpoint(str(path)).items()
        if name.startswith(('backbone', 'head'))
    }


def scores(path):
    data = json.loads(path.read_text())
    return np.array([sample['scores'] for sample in data['samples']])


def test(stream, protocol, checkpoints, folder):
    out = folder / f'{stream}_{protocol}.json'
    run(
        'test',
        f'configs/i3d_{stream}_synthetic.py',
        checkpoints[stream],
        '--protocol',
        protocol,
        '--out',
        out,
        *options(),
    )
    return scores(out)


def two_stream(folder):
    path = folder / 'two_stream.py'
    path.write_text(
        "_base_ = 'i3dbox::two_stream_synthetic.py'\n"
        "model = dict(rgb=dict(backbone=dict(endpoints='Mixed_3b')), "
        "flow=dict(backbone=dict(endpoints='Mixed_3b')))\n"
    )
    return path


def joint(both, folder):
    out = folder / 'joint.json'
    run(
        'test',
        both[1],
        *both[2:],
        '--out',
        out,
        '--cfg-options',
        *(f'data.test.{stream}.generation={GROUPS}' for stream in STREAMS),
    )
    return scores(out)


def demo(video, both, stream, folder):
    out = folder / f'{stream}.json'
    run('demo', video, *both, '--stream', stream, '--window', 8, '--stride', 5, '--out', out)
    data = json.loads(out.read_text())
    return {
        f'demo {stream}': np.array(
            [
                [answer['probability'] for answer in window['top']]
                for window in (data['video'], *data['windows'])
            ]
        )
    }


def features(video, both, folder):
    found = {}
    for name, arguments in dict(
        windows=['--window', 16, '--stride', 7],
        whole=['--window', 0],
        slow=['--window', 16, '--fps', 10],
    ).items():
        run(
            'features',
            video,
            folder / name,
            *both,
            '--endpoint',
            'Mixed_3b',
            '--short-side',
            72,
            '--size',
            64,
            *arguments,
        )
        found[f'features {name}'] = np.load(next((folder / name).rglob('*.npy')))
    return found


def exported(checkpoints, folder):
    from i3dbox.apis import load_exported

    clips = {
        'rgb': np.stack(moving_frames(8, 64, 64))[None],
        'flow': np.stack(moving_frames(8, 64, 64))[None, ..., :2],
    }
    found = {}
    for stream in STREAMS:
        for extension in ('mindir', 'onnx'):
            out = folder / f'{stream}.{extension}'
            run(
                'export',
                f'configs/i3d_{stream}_synthetic.py',
                checkpoints[stream],
                '--format',
                extension.upper(),
                '--out',
                out,
                *options(),
            )
            found[f'exported {stream} {extension}'] = load_exported(str(out))(clips[stream])
    return found


def fvd(checkpoint, folder):
    for name in ('real', 'generated'):
        (folder / name).mkdir()
        for seed in range(3):
            write_video(
                folder / name / f'{seed}.avi',
                moving_frames(20, 64, 48, seed + 10 * (name == 'real')),
            )
    out = folder / 'fvd.json'
    run(
        'fvd',
        folder / 'real',
        folder / 'generated',
        '--config',
        'configs/i3d_rgb_synthetic.py',
        '--checkpoint',
        checkpoint,
        '--frames',
        8,
        '--size',
        64,
        '--json',
        out,
        '--cfg-options',
        'model.backbone.endpoints=Mixed_3b',
    )
    return np.array(json.loads(out.read_text())['fvd'])


if __name__ == '__main__':
    main()
