"""What the commands of data preparation say at their end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..preparation.extraction import Extraction
    from ..preparation.jobs import Failure
    from ..preparation.packing import Packing

SHOWN = 20


def report(out: str, what: str, done: Extraction | Packing) -> int:
    """Prints what was made in `out`, and what failed.

    Args:
        what: what it holds, in the plural.
        done: of i3dbox.preparation.

    Returns: the exit status, 1 if anything failed.
    """
    present = f'; {done.present} were there already' if done.present else ''
    print(f'{out}: {done.made} {what} made, {done.frames} frames{present}')
    return report_failures(done.failures)


def report_failures(failures: list[Failure]) -> int:
    """Lists failures (jobs.Failure) on stderr; returns the exit status."""
    if failures:
        print(f'{len(failures)} videos failed:', file=sys.stderr)
        for failure in failures[:SHOWN]:
            print(f'  {failure.path}: {failure.reason}', file=sys.stderr)
        if len(failures) > SHOWN:
            print(f'  and {len(failures) - SHOWN} more; each was reported above', file=sys.stderr)
    return 1 if failures else 0
