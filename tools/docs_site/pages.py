"""Hooks of the site: pages from outside of docs/, the table of contents, the tutorial, the API,
links.
"""

import base64
import json
import os
import pathlib
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parents[2]
# page of the site -> file of the project
FROM_ROOT = {
    'index.md': 'README.md',
    'zh/index.md': 'README_CN.md',
    'model_zoo.md': 'model_zoo.md',
    'contributing.md': 'CONTRIBUTING.md',
    'changes.md': 'CHANGELOG.md',
}
NOTEBOOKS = {'tutorial.md': 'docs/tutorial.ipynb', 'zh/tutorial.md': 'docs/zh/tutorial.ipynb'}
# what a link leads to -> page of the site
PAGES = {source: page for page, source in (*FROM_ROOT.items(), *NOTEBOOKS.items())}
GUIDES = (
    *('first_hour', 'tutorial', 'demo', 'app', 'finetune', 'config', 'data_preparation'),
    *('evaluation', 'weights', 'networks', 'i3d', 'slowfast', 'r2plus1d', 'csn', 's3d', 'c3d'),
    *('features', 'python', 'customize', 'deployment'),
    *('ascend', 'distributed', 'analysis', 'from_mmaction2', 'parts', 'security', 'faq'),
)
MORE = ('architecture', 'model_zoo', 'contributing', 'changes')


def on_config(config):
    """Makes the table of contents of the guides that are there."""
    docs = pathlib.Path(config.docs_dir)

    def guides(folder):
        names = [f'{folder}{name}.md' for name in GUIDES]
        return [name for name in names if name in NOTEBOOKS or (docs / name).exists()]

    config.nav = [
        {'English': ['index.md', *guides('')]},
        {'API': ['api.md']},
        {'More': [f'{name}.md' for name in MORE]},
    ]
    if guides('zh/'):
        config.nav.insert(1, {'中文': ['zh/index.md', *guides('zh/')]})
    return config


def on_files(files, config):
    """Adds the pages that lie outside of docs/, those of notebooks, and that of the API."""
    for page, source in FROM_ROOT.items():
        if page.startswith('zh/') and not os.path.isdir(os.path.join(config.docs_dir, 'zh')):
            continue
        text = (ROOT / source).read_text(encoding='utf-8')
        files.append(File.generated(config, page, content=text))
    for page, source in NOTEBOOKS.items():
        text, pictures = _notebook(json.loads((ROOT / source).read_text(encoding='utf-8')))
        files.append(File.generated(config, page, content=text))
        for name, data in pictures.items():
            place = os.path.join(os.path.dirname(page), name)
            files.append(File.generated(config, place, content=data))
    face = (ROOT / 'i3dbox/__init__.py').read_text(encoding='utf-8')
    homes = re.findall(r"^    '(\w+)': '([\w.]+)',$", face, re.M)
    api = ''.join(f'::: i3dbox.{home}.{name}\n\n' for name, home in homes)
    files.append(File.generated(config, 'api.md', content=f'# The Python face\n\n{api}'))
    return files


def on_page_markdown(markdown, page, config, files):
    """Leads links to where their files are in the site; what is not in it becomes its path."""
    source = FROM_ROOT.get(page.file.src_uri, f'docs/{page.file.src_uri}')
    here = os.path.dirname(source)

    def led(match):
        text, target = match[1], match[2]
        path, mark, anchor = target.partition('#')
        if '://' in target or not path:
            return match[0]
        file = os.path.normpath(os.path.join(here, path)).replace(os.sep, '/')
        place = PAGES.get(file)
        if place is None and file.startswith('docs/'):
            place = file[len('docs/') :]
        if place is None or files.get_file_from_path(place) is None:
            return f'`{file}`' if not match[0].startswith('!') else ''
        there = os.path.relpath(place, os.path.dirname(page.file.src_uri) or '.')
        return f'[{text}]({there.replace(os.sep, "/")}{mark}{anchor})'

    return re.sub(r'(?<!!)\[([^\]]*)\]\(([^)\s]+)\)', led, _pictures(markdown, here, page))


def _notebook(book):
    """Returns a notebook as Markdown, and its pictures by file name."""
    parts, pictures = [], {}
    for cell in book['cells']:
        text = ''.join(cell['source'])
        parts.append(text if cell['cell_type'] == 'markdown' else f'```python\n{text}\n```')
        for output in cell.get('outputs', ()):
            if 'text' in output:
                parts.append(f'```text\n{"".join(output["text"]).rstrip()}\n```')
            for kind, data in output.get('data', {}).items():
                if kind in ('image/png', 'image/jpeg'):
                    name = f'tutorial_{len(pictures) + 1:02d}.{kind.partition("/")[2]}'
                    pictures[name] = base64.b64decode(''.join(data))
                    parts.append(f'![]({name})')
    return '\n\n'.join(parts), pictures


def _pictures(markdown, here, page):
    """Returns the text with pictures by their place in the site."""

    def led(match):
        file = os.path.normpath(os.path.join(here, match[2])).replace(os.sep, '/')
        place = file[len('docs/') :] if file.startswith('docs/') else file
        there = os.path.relpath(place, os.path.dirname(page.file.src_uri) or '.')
        return f'![{match[1]}]({there.replace(os.sep, "/")})'

    return re.sub(r'!\[([^\]]*)\]\((?!https?://)([^)\s]+)\)', led, markdown)
