"""Damaged and hostile files by the thousand: every format that the project reads, see `formats`.

`python tools/fuzz.py --minutes 30` runs it; test_fuzz.py runs a minute of it. A case is a folder of
files: `formats.FORMATS` makes good ones, `mutators` change them, and `worker` reads them as the
project's commands do, in a process of its own, which `fuzzer` watches.
"""
