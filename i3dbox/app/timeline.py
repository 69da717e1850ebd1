"""What happens when in a video: its windows as stretches of time, and these as HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ..terminal import printable
from ..visualization.labelled_video import Palette, clock

if TYPE_CHECKING:
    from ..inference.recognize import Prediction

_MOST_ROWS = 200  # of the table; the rest is in the files


def stretches(windows: list[Prediction], end: float) -> list[dict]:
    """Returns what happens when: a dict for each stretch of time with one surest class.

    Windows overlap: a moment belongs to the one whose middle is nearest, as in the labelled video,
    whose colours these are.

    Args:
        windows: in their order, at least one.
        end: seconds, of the video.

    Returns: list of dict(start, end, label, name, probability, color), times in seconds, the
        probability the mean over the stretch's windows, the color as '#rrggbb'.
    """
    palette, found = Palette(), []
    middles = [(window.start + window.end) / 2 for window in windows]
    borders = [(one + other) / 2 for one, other in zip(middles, middles[1:])]
    starts, ends = [windows[0].start, *borders], [*borders, max(end, windows[-1].end)]
    for window, start, stop in zip(windows, starts, ends):
        (surest,) = window.top(1)
        if found and found[-1]['label'] == surest.label:
            found[-1]['end'] = stop
            found[-1]['shares'].append(surest.probability)
            continue
        found.append(
            dict(
                start=start,
                end=stop,
                label=surest.label,
                name=surest.name,
                shares=[surest.probability],
                color='#{:02x}{:02x}{:02x}'.format(*palette.color_of(surest.label)),
            )
        )
    for one in found:
        shares = one.pop('shares')
        one['probability'] = sum(shares) / len(shares)
    return found


def as_html(found: list[dict]) -> str:
    """Returns stretches as HTML: a bar with their colours, and a row for each."""
    begin, end = found[0]['start'], found[-1]['end']
    length = max(end - begin, 1e-6)
    pieces, rows = [], []
    for one in found:
        name = html.escape(printable(one['name']))
        times = f'{clock(one["start"])} - {clock(one["end"])}'
        width = 100 * (one['end'] - one['start']) / length
        pieces.append(
            f'<span style="width:{width:.3f}%;background:{one["color"]}" '
            f'title="{times} {name}"></span>'
        )
        rows.append(
            f'<tr><td><i style="background:{one["color"]}"></i></td><td>{times}</td>'
            f'<td>{name}</td><td>{100 * one["probability"]:.0f} %</td></tr>'
        )
    more = ''
    if len(rows) > _MOST_ROWS:
        more = f'<p>+ {len(rows) - _MOST_ROWS}</p>'
        del rows[_MOST_ROWS:]
    return (
        f'<div class="i3dbox-timeline"><div class="bar" role="img">{"".join(pieces)}</div>'
        f'<table>{"".join(rows)}</table>{more}</div>'
    )


STYLE = """
.i3dbox-timeline { padding-top: 1.6em; }
.i3dbox-timeline .bar { display: flex; height: 1.4em; border-radius: 4px; overflow: hidden; }
.i3dbox-timeline .bar span { display: block; height: 100%; }
.i3dbox-timeline table, .i3dbox-timeline tr, .i3dbox-timeline td { border: none !important; }
.i3dbox-timeline table { margin-top: .6em; width: 100%; font-variant-numeric: tabular-nums; }
.i3dbox-timeline td { padding: .1em .5em; } .i3dbox-timeline td:last-child { text-align: right; }
.i3dbox-timeline i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; }
"""
