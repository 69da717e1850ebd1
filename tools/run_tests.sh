#!/usr/bin/env bash
# Installs what the tests need and runs them, a file at a time in each of two processes. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh test,parity
if [ $# = 0 ]; then
    # signals first, in a process of their own: native libraries that other tests load take them
    python -m pytest tests/test_interrupts.py
    set -- --ignore=tests/test_interrupts.py
fi
exec python -m pytest -n 2 --dist loadfile "$@"
