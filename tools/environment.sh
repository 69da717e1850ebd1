# Sourced by quickstart.sh and run_tests.sh: makes .venv in the checkout, installs the project into it
# and activates it. A virtual environment that is active already is used as it is.
#   source tools/environment.sh [EXTRA]
extra=${1:+[$1]}
if [ -z "${VIRTUAL_ENV:-}" ]; then
    if ! [ -x .venv/bin/python ]; then
        for python in ${PYTHON:-python3.11 python3.12 python3.10 python3.9 python3}; do
            if "$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info < (3, 13))' \
                2> /dev/null; then break; fi
            python=
        done
        if [ -z "${python:-}" ]; then
            echo "MindSpore 2.8 needs Python 3.9 to 3.12 with venv; none was found. Set PYTHON to one." >&2
            exit 1
        fi
        echo "making a virtual environment in .venv with $($python --version)"
        "$python" -m venv .venv
    fi
    source .venv/bin/activate
fi
# Install once, and again when what is to be installed has changed.
stamp=$VIRTUAL_ENV/.i3dbox-$(cksum < setup.py | tr ' ' -)${1:+-$1}
if ! [ -e "$stamp" ]; then
    echo "installing i3dbox$extra and what it needs"
    python -m pip install --quiet --disable-pip-version-check -e ".$extra"
    touch "$stamp"
fi
