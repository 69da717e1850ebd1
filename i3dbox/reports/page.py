"""One HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import html
from collections.abc import Collection, Iterable

from ..terminal import printable

STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #0072B2; }
body { font: 15px/1.5 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif; margin: 2em auto; max-width: 1200px;
       padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid var(--line); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .15em .8em; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } td.text, th.text { text-align: left; }
th { cursor: pointer; user-select: none; } th:hover { color: var(--good); }
img { max-width: 100%; background: white; } .charts img { width: 49%; min-width: 380px; }
.scroll { overflow: auto; max-height: 34em; } .scroll th { position: sticky; top: 0; background: Canvas; }
.thumbs { display: flex; flex-wrap: wrap; gap: .8em; } .thumbs figure { margin: 0; max-width: 14em; }
.right::before { content: "\\2713\\00a0"; color: #009E73; } .wrong::before { content: "\\2717\\00a0"; color: #D55E00; }
figure { margin: 1em 0; } figcaption { margin-bottom: .2em; } .note { opacity: .7; margin: .4em 0; }
pre { overflow: auto; border: 1px solid var(--line); padding: 1em; }
"""
# A click on a table's head sorts by that column; a second one turns it round.
SCRIPT = """
document.querySelectorAll('th').forEach(head => head.onclick = () => {
  const table = head.closest('table'), body = table.tBodies[0], column = head.cellIndex;
  const down = table.dataset.by === column + 'up'; table.dataset.by = column + (down ? 'down' : 'up');
  const value = row => { const text = row.cells[column].textContent, number = parseFloat(text);
                         return isNaN(number) ? text : number; };
  [...body.rows].sort((a, b) => { const x = value(a), y = value(b);
    const order = typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === 'string' ? 1 : -1;
    return down ? -order : order; }).forEach(row => body.append(row));
});
"""


def _escaped(text):
    """Returns text that is HTML, and harmless in a terminal too."""
    return html.escape(printable(text))


def page(title: str, parts: Iterable[str], language: str = 'en') -> str:
    """Returns the whole page. `parts` are pieces of HTML from the functions below."""
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{_escaped(title)}</title>'
        f'<style>{STYLE}</style></head>\n<body><h1>{_escaped(title)}</h1>\n'
        + '\n'.join(parts)
        + f'\n<script>{SCRIPT}</script></body></html>\n'
    )


def heading(text: str) -> str:
    return f'<h2>{_escaped(text)}</h2>'


def paragraph(text: str, note: bool = False) -> str:
    return f'<p{" class=note" if note else ""}>{_escaped(text)}</p>'


def table(head: Iterable, rows: Iterable[Iterable], text_columns: Collection[int] = (0,)) -> str:
    """Returns a table; its columns are numbers, except for those in `text_columns`."""

    def row(cells, tag):
        return (
            '<tr>'
            + ''.join(
                f'<{tag}{" class=text" if i in text_columns else ""}>{_escaped(str(cell))}</{tag}>'
                for i, cell in enumerate(cells)
            )
            + '</tr>'
        )

    return (
        f'<div class=scroll><table><thead>{row(head, "th")}</thead><tbody>'
        + '\n'.join(row(cells, 'td') for cells in rows)
        + '</tbody></table></div>'
    )


def image(data: bytes, alt: str, kind: str = 'png') -> str:
    """Returns a picture, held in the page itself."""
    return f'<img alt="{_escaped(alt)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def charts(images: dict[str, bytes]) -> str:
    """Puts pictures (by name, PNG bytes) side by side."""
    return (
        '<div class=charts>'
        + ''.join(image(data, name) for name, data in images.items())
        + '</div>'
    )


def figure(caption: str, picture: str) -> str:
    return f'<figure><figcaption>{_escaped(caption)}</figcaption>{picture}</figure>'


def thumbnails(pictures: Iterable) -> str:
    """Puts Thumbnails of verdict.py side by side, each with its answer and whether that is right."""
    figures = (
        f'<figure>{image(one.picture, one.caption, "jpeg")}<figcaption class='
        f'{"right" if one.right else "wrong"}>{_escaped(one.caption)}</figcaption></figure>'
        for one in pictures
    )
    return f'<div class=thumbs>{"".join(figures)}</div>'


def details(summary: str, text: str) -> str:
    """Returns text that is folded away until it is asked for."""
    return f'<details><summary>{_escaped(summary)}</summary><pre>{_escaped(text)}</pre></details>'
