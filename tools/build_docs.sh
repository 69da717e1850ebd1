#!/usr/bin/env bash
# Builds the guides as a site, both languages and the API, into site/: open site/index.html.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/environment.sh ""
python -m pip install --quiet --disable-pip-version-check -r tools/docs_site/requirements.txt
export NO_MKDOCS_2_WARNING=1
exec python -m mkdocs build --strict --config-file tools/docs_site/mkdocs.yml "$@"
