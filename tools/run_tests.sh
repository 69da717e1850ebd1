#!/usr/bin/env bash
# Installs what the tests need and runs them, a file at a time in each of two processes. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh test,parity
exec python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
