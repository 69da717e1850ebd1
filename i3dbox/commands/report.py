"""Write a page of figures, curves, confusions and mistakes of runs and their results."""

from __future__ import annotations

import argparse

from . import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='[NAME=]WORK_DIR|FILE',
        help='work_dirs, for their curves, and '
        'result files of one data set, .pkl or .json, for all else; an RGB and a flow file alone '
        'are '
        'fused',
    )
    parser.add_argument(
        '--out',
        default='report',
        metavar='DIR',
        help='the folder for report.html and its pictures; default: report',
    )
    arguments.add_number(
        parser, '--mistakes', 'how many mistakes to show with their frames', low=0, default=12
    )
    parser.add_argument(
        '--gradcam',
        nargs='+',
        metavar='CKPT',
        help='the checkpoints that the results are of: shows beside the mistakes where the network '
        'looks for what it took them for',
    )
    parser.add_argument(
        '--endpoint',
        default='Mixed_5c',
        metavar='NAME',
        help='of --gradcam, see `i3dbox gradcam`; default: Mixed_5c',
    )
    arguments.add_language_argument(parser)


def run(args: argparse.Namespace) -> None:
    import os

    from ..errors import ConfigError, first_difference
    from ..evaluation.fusion import fuse
    from ..evaluation.tables import figures_table, table
    from ..fileio import check_writable
    from ..languages import system_language
    from ..reports.report import class_rows, write_report

    check_writable(os.path.join(args.out, 'report.html'))
    sources = [arguments.split_name(item) for item in args.sources]
    runs, columns = _read(sources)
    notes = []
    first = next(iter(columns.values()), None)
    for title, part in columns.items():
        difference = first_difference(first.classes, part.classes)
        if part.several != first.several:
            raise ConfigError(f'{title}: one label a video, and several, are not of one report')
        if difference or part.scores.shape[1] != first.scores.shape[1]:
            raise ConfigError(
                f'a report is of one set of classes; {title}: '
                f'{difference or "another number of them"}'
            )
    arguments.check_different([path for _, path in sources])
    if columns.keys() == {'RGB', 'Flow'}:
        try:
            columns = fuse({'RGB': columns['RGB'], 'Flow': columns['Flow']}).by_stream()
        except ConfigError as error:
            notes.append(str(error))
    heat = _heat(list(columns.values()), args) if args.gradcam else None
    language = args.lang or system_language()
    path = write_report(args.out, runs, columns, args.mistakes, notes, heat, language)
    if columns:
        print(
            figures_table(
                [(title, len(part.names), part.evaluate()) for title, part in columns.items()]
            )
        )
        head, rows = class_rows(columns)
        print(table([head, *rows]))
    print(path)


def _read(sources):
    """Returns the logs and the results by title. A work_dir of finetune has its results, too."""
    import os

    from ..evaluation.results import load_results
    from ..reports.run_log import read_run_log, result_file, run_folders

    runs = {}
    columns = {}
    for name, path in sources:
        stem = os.path.splitext(os.path.basename(os.path.normpath(path)))[0]
        file = path
        if os.path.isdir(path):
            for title, folder in run_folders(path).items():
                runs[_free(title or name or stem, path, runs)] = read_run_log(folder)
            file = result_file(path)
        for title, part in load_results(file).by_stream().items() if file else ():
            columns[_free(f'{name} {title}' if name else title, path, columns)] = part
    return runs, columns


def _heat(columns, args):
    """Returns what shows where the last column's network looks."""
    from ..apis.mistake_heat import MistakeHeat
    from ..errors import ConfigError

    if not columns:
        raise ConfigError('--gradcam is for result files: name one')
    return MistakeHeat(columns[-1], args.gradcam, args.endpoint)


def _free(title, path, taken):
    """Returns `title`, with its path after it where it is taken."""
    if title in taken:
        title = f'{title} ({path})'
    return _free(f'{title}, again', path, taken) if title in taken else title
