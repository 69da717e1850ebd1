"""Runs the tutorial, in both languages, and stores what its cells print and show.

python tools/renew_tutorial.py
"""

import os
import pathlib
import tempfile

import nbclient
import nbformat

ROOT = pathlib.Path(__file__).resolve().parents[1]
BOOKS = ('docs/tutorial.ipynb', 'docs/zh/tutorial.ipynb')


def main():
    os.environ['PYTHONPATH'] = str(ROOT)
    for path in BOOKS:
        book = nbformat.read(ROOT / path, 4)
        with tempfile.TemporaryDirectory() as folder:
            client = nbclient.NotebookClient(
                book, timeout=600, record_timing=False, resources=dict(metadata=dict(path=folder))
            )
            client.execute()
        book.metadata.language_info = dict(name='python')  # of this machine's Python no more
        nbformat.write(book, ROOT / path)
        print(path)


if __name__ == '__main__':
    main()
