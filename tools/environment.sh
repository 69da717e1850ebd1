# Sourced by quickstart.sh and run_tests.sh: makes .venv in the checkout, installs the project into it
# and activates it. A virtual environment that is active already is used as it is.
#   source tools/environment.sh [EXTRA[,EXTRA...]]
# What is installed beside the project is what was tested with it, from constraints/.
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
tested=$PWD/constraints/py$(python -c 'import sys; print("%d%d" % sys.version_info[:2])').txt
if ! [ -e "$tested" ]; then
    echo "i3dbox needs Python 3.9 to 3.12; the active environment has $(python --version)." >&2
    exit 1
fi
# Install once, and again when what is to be installed has changed.
stamp=$VIRTUAL_ENV/.i3dbox-$(cat setup.py "$tested" | cksum | tr ' ' -)${1:+-$1}
if ! [ -e "$stamp" ]; then
    echo "installing i3dbox$extra and what it needs"
    # by the environment, as it then holds for what builds the package too
    PIP_CONSTRAINT=$tested python -m pip install --quiet --disable-pip-version-check -e ".$extra"
    touch "$stamp"
fi
