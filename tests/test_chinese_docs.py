"""The Chinese guides, and the tutorial, have the headings, code, tables, pictures and links of the
English ones.
"""

import json
import re

import pytest
from test_configs import ROOT

DOCS = ROOT / 'docs'
MADE = {'parts'}  # of docstrings, by a program
# where the part begins that a program makes of tables, and what stands in its place
TABLES = {'en': '<!-- counterparts', 'zh': '## 名称对照表'}
GUIDES = sorted(path.stem for path in DOCS.glob('zh/*.md'))
PAIRS = [(f'docs/{name}.md', f'docs/zh/{name}.md') for name in GUIDES]


def parts(path):
    """(levels of headings, blocks of code, sizes of tables, targets of links and pictures)."""
    text = (ROOT / path).read_text(encoding='utf-8')
    text = text.partition(TABLES['zh' if '/zh/' in path else 'en'])[0]
    code = re.findall(r'^```.*?^```', text, re.M | re.S)
    text = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
    headings = [len(marks) for marks in re.findall(r'^(#+) ', text, re.M)]
    tables = [
        (len(rows.splitlines()), rows.splitlines()[0].count(' |'))
        for rows in re.findall(r'(?:^\|.*\n?)+', text, re.M)
    ]
    links = re.findall(r'\]\(([^)\s]+)\)', text)
    return headings, [without_comments(block) for block in code], tables, links


def without_comments(code):
    return [re.sub(r'\s*#( .*)?$', '', line).rstrip() for line in code.splitlines()]


def plain(links):
    """Targets by what they are of: without what leads there from docs/zh, what says that a picture
    is the Chinese one, and anchors.
    """
    return [re.sub(r'^(\.\./)*(docs/)?(zh/)?|_zh(?=\.png$)|#.*$', '', link) for link in links]


def test_every_guide_is_there_in_chinese():
    assert {path.stem for path in DOCS.glob('*.md')} - MADE == set(GUIDES)


@pytest.mark.parametrize(('english', 'chinese'), PAIRS, ids=GUIDES)
def test_both_languages_have_the_same_parts(english, chinese):
    theirs, ours = parts(english), parts(chinese)
    assert ours[0] == theirs[0], 'headings'
    assert ours[1] == theirs[1], 'code'
    assert ours[2] == theirs[2], 'tables'
    language = plain([f'../{english.partition("/")[2]}'])
    assert plain(ours[3])[:1] == language, 'the link to the English guide'
    assert plain(ours[3])[1:] == plain(theirs[3]), 'links'


@pytest.mark.parametrize(('_', 'chinese'), PAIRS, ids=GUIDES)
def test_every_link_of_a_chinese_guide_leads_somewhere(_, chinese):
    page = ROOT / chinese
    for link in parts(chinese)[3]:
        target, _, anchor = link.partition('#')
        if '://' in target:
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        if anchor and file.suffix == '.md':
            assert anchor in anchors(file.read_text(encoding='utf-8')), link


def test_both_tutorials_have_the_same_cells():
    theirs, ours = (read_cells(DOCS / folder / 'tutorial.ipynb') for folder in ('', 'zh'))
    assert [kind for kind, _ in ours] == [kind for kind, _ in theirs]
    for (kind, english), (_, chinese) in zip(theirs, ours):
        if kind == 'code':  # alike, but for the language of the report
            assert chinese.replace(", language='zh'", '') == english
            continue
        assert re.findall('^#+ ', chinese, re.M) == re.findall('^#+ ', english, re.M)
        assert re.findall('`[^`]+`', chinese.replace('类别', 'class').replace('视频', 'video')) == (
            re.findall('`[^`]+`', english)
        )
        targets = [re.findall(r'\]\(([^)\s]+)\)', text) for text in (english, chinese)]
        assert plain(targets[1]) == plain(targets[0])
        for link in targets[1]:
            assert (DOCS / 'zh' / link).exists(), link


def read_cells(path):
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    return [(cell['cell_type'], ''.join(cell['source'])) for cell in cells]


def anchors(text):
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
    titles = re.findall(r'^#+ (.*)$', text, re.M)
    named = set(re.findall(r'<a id="([^"]+)">', text))
    titles = [re.sub(r'`|\[([^\]]*)\]\([^)]*\)', r'\1', title).strip() for title in titles]
    return named | {re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles}
