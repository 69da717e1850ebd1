"""The commands. A command is one module here: its docstring, `add_arguments(parser)` and
`run(args)`.

`i3dbox NAME ...` and `python tools/NAME.py ...` are the same. Commands import what is heavy inside
`run`.
"""

from __future__ import annotations

import ast
import contextlib
import errno
import importlib
import os
import pathlib
import shlex
import sys
import traceback

from .. import __version__
from ..counterparts import hint
from ..errors import I3DBoxError
from ..fileio import keep_dumps_in_cache
from ..interrupts import interruptible, let_python_end
from ..terminal import Printable
from ..versions import HOW_TO_INSTALL
from .parser import CommandParser

# Short names for the console, and the groups of --help; commands in none of them are listed last.
ALIASES = {
    'features': 'extract_features',
    'download': 'download_checkpoint',
    'convert': 'convert_weights',
    'publish': 'publish_checkpoint',
    'average': 'average_checkpoints',
    'sweep': 'sweep_checkpoints',
    'fuse': 'fuse_scores',
    'browse': 'browse_dataset',
    'config': 'print_config',
    'frames': 'extract_frames',
    'flow': 'extract_flow',
    'check': 'check_videos',
    'annotations': 'build_annotations',
    'flops': 'get_flops',
    'env': 'collect_env',
}
SHORT = {command: alias for alias, command in ALIASES.items()}
_AGAIN = '; the same command goes on'
AFTER_INTERRUPTION = {
    'train': '; --resume goes on from the last checkpoint, and without one from the beginning',
    **dict.fromkeys(
        (
            'finetune',
            'extract_features',
            'extract_frames',
            'extract_flow',
            'pack',
            'download_checkpoint',
        ),
        _AGAIN,
    ),
}
# What MindSpore, C++, the loader of libraries, and threads say where memory ends
NO_MEMORY = (
    "Memory isn't enough",
    'Memory not enough',
    'bad_alloc',
    'failed to map segment',
    'Cannot allocate memory',
    'Resource temporarily unavailable',
    "can't start new thread",
)
GROUPS = {
    'With your own videos': ('demo', 'app', 'finetune', 'extract_features', 'gradcam', 'fvd'),
    'Train and test': (
        'train',
        'test',
        'report',
        'fuse_scores',
        'summarize',
        'sweep_checkpoints',
        'average_checkpoints',
        'print_config',
        'browse_dataset',
    ),
    'Weights and export': (
        'download_checkpoint',
        'convert_weights',
        'publish_checkpoint',
        'export',
        'preprocess',
        'infer',
        'postprocess',
    ),
    'Prepare data': (
        'check_videos',
        'extract_frames',
        'extract_flow',
        'pack',
        'build_annotations',
        'write_n_frames',
    ),
    'Look inside': ('docs', 'collect_env', 'get_flops', 'benchmark_model', 'benchmark_loader'),
}


def main(name: str, argv: list[str] | None = None, prog: str | None = None) -> int:
    """Runs the command `name`.

    Args:
        name (str): the command's module.
        argv (list[str]): its arguments; by default the process's.
        prog (str): what the usage line calls it; by default the script's name.

    Returns:
        int: the exit status: what `run` returned, or 0 for None; 1 after an error of the user's;
        130 after Ctrl-C. Wrong arguments end the process with 2, as argparse does.
    """
    if argv is None:
        let_python_end()
    called = prog or f'i3dbox {name}'
    try:
        with (
            interruptible(),
            contextlib.redirect_stdout(Printable(sys.stdout)),
            contextlib.redirect_stderr(Printable(sys.stderr)),
        ):
            return _run(name, argv, prog, called)
    except KeyboardInterrupt:
        if '--debug' in (sys.argv if argv is None else argv):
            traceback.print_exc()
        print(f'{called}: interrupted{AFTER_INTERRUPTION.get(name, "")}', file=sys.stderr)
        return 130


def _run(name, argv, prog, called):
    # What MindSpore logs drowns what a command says, and its errors come as exceptions, too
    debug = '--debug' in (sys.argv if argv is None else argv)
    os.environ.setdefault('GLOG_v', '3' if debug else '4')
    keep_dumps_in_cache()
    command = importlib.import_module(f'{__name__}.{name}')
    parser = CommandParser(prog=prog, description=(command.__doc__ or '').split('\n\n')[0])
    command.add_arguments(parser)
    parser.add_argument('--debug', action='store_true', help='show the traceback of an error')
    args = parser.parse_args(argv)
    try:
        status = command.run(args) or 0
        sys.stdout.flush()  # here, where a closed pipe is dealt with
        return status
    except BrokenPipeError:
        return _reader_left()
    except (I3DBoxError, OSError) as error:
        if args.debug:
            traceback.print_exc()
        again = AFTER_INTERRUPTION.get(name, '') if _disk_is_full(error) else ''
        print(f'{called}: error: {_in_a_line(error)}{again}', file=sys.stderr)
        if isinstance(error, I3DBoxError):
            _name_untested(_modules_of(error))
        return 1
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] != 'mindspore' or args.debug:
            raise
        print(f'{called}: error: this needs MindSpore. {HOW_TO_INSTALL}', file=sys.stderr)
        return 1
    except Exception as error:
        lacking = _lack_of_memory(error)
        if lacking and not args.debug:
            print(f'{called}: error: there is not enough memory: {lacking}', file=sys.stderr)
            return 1
        _name_untested(sys.modules)
        raise


def cli(argv: list[str] | None = None) -> int:
    """Runs the console command `i3dbox NAME ...`; lists the commands without a NAME. Returns the
    exit status.
    """
    try:
        return _cli(argv)
    except KeyboardInterrupt:  # before the command has begun
        print('i3dbox: interrupted', file=sys.stderr)
        return 130


def _cli(argv):
    name, *rest = (sys.argv[1:] if argv is None else argv) or ['--help']
    commands = summaries()
    if name in commands or name in ALIASES:
        if argv is None:
            let_python_end()
        return main(ALIASES.get(name, name), rest, prog=f'i3dbox {name}')
    if name == '--version':
        print(f'i3dbox {__version__}')
        return 0
    if name in ('-h', '--help'):
        try:
            print(help_text(commands), flush=True)
        except BrokenPipeError:
            return _reader_left()
        return 0
    names = ', '.join(SHORT.get(command, command) for command in commands)
    meant = hint('command', name, (*commands, *ALIASES))
    print(
        f'i3dbox: error: there is no command {name!r}.{meant} There are: {names}.',
        file=sys.stderr,
    )
    return 2


def _in_a_line(error):
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return f'{error.filename}: {error.strerror}; name a place that can be written'
    return ' '.join(str(error).splitlines())


def _disk_is_full(error):
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _lack_of_memory(error):
    """Returns what an error, or one that it was made of, says of memory that there is not; ''
    where none does.
    """
    while error:
        for line in str(error).splitlines() or ['']:
            if isinstance(error, MemoryError) or any(words in line for words in NO_MEMORY):
                return line or type(error).__name__
        error = error.__cause__ or error.__context__
    return ''


def _modules_of(error):
    """Returns the top-level modules in which an error, and what it was made of, came up."""
    found = set()
    while error:
        found.add(type(error).__module__.split('.')[0])
        found.update(
            frame.f_globals.get('__name__', '').split('.')[0]
            for frame, _ in traceback.walk_tb(error.__traceback__)
        )
        error = error.__cause__ or error.__context__
    return found


def _name_untested(modules):
    """Says which of these packages are newer than i3dbox was tested with: one may be why it
    fails.
    """
    from ..versions import newer_than_tested

    newer = newer_than_tested(modules)
    if newer:
        print(
            f'Newer than what i3dbox was tested with: {", ".join(newer)}. If it fails because of '
            'that, install what was tested.',
            file=sys.stderr,
        )


def _reader_left():
    """Ends the output, as its reader, such as `head`, has seen enough. Returns the
    exit status.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def help_text(commands: dict) -> str:
    """Returns the list of commands (dict of name -> summary) by group, each with its short name.
    What is in no group is for whoever maintains the pages that programs make.
    """
    names = {
        command: f'{SHORT[command]}, {command}' if command in SHORT else command
        for command in commands
    }
    width = max(map(len, names.values()))
    lines = [
        'usage: i3dbox NAME ...',
        '',
        'i3dbox NAME --help tells more. Names after a comma mean the same.',
    ]
    for title, members in GROUPS.items():
        lines += ['', title]
        lines += [f'  {names[command]:{width}}  {commands[command]}' for command in members]
    return '\n'.join(lines)


def spelled(name: str) -> str:
    """Returns how the command `name` is typed, by how this one was: 'i3dbox demo', or 'python
    tools/demo.py'.
    """
    folder, script = os.path.split(sys.argv[0])
    if script.endswith('.py') and script[:-3] in summaries():
        return f'python {shlex.quote(os.path.join(folder, name + ".py"))}'
    return f'i3dbox {SHORT.get(name, name)}'


def summaries() -> dict[str, str]:
    """Returns the commands and the first lines of their docstrings, read without importing them."""
    found = {}
    for path in sorted(pathlib.Path(__file__).parent.glob('*.py')):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        if any(isinstance(node, ast.FunctionDef) and node.name == 'run' for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or '').split('\n')[0]
    return found
