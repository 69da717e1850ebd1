"""What the commands of data preparation say at their end."""

import sys

SHOWN = 20


def report(out, what, done):
    """Prints what was made in `out`, and what failed.

    Args:
        what (str): what it holds, in the plural.
        done (Extraction or Packing): of i3dbox.preparation.

    Returns:
        int: the exit status, 1 if anything failed.
    """
    present = f'; {done.present} were there already' if done.present else ''
    print(f'{out}: {done.made} {what} made, {done.frames} frames{present}')
    return report_failures(done.failures)


def report_failures(failures):
    """Lists failures (jobs.Failure) on stderr; returns the exit status."""
    if failures:
        print(f'{len(failures)} videos failed:', file=sys.stderr)
        for failure in failures[:SHOWN]:
            print(f'  {failure.path}: {failure.reason}', file=sys.stderr)
        if len(failures) > SHOWN:
            print(f'  and {len(failures) - SHOWN} more; each was reported above', file=sys.stderr)
    return 1 if failures else 0
