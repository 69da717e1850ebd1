# Sourced by quickstart.sh and run_tests.sh: makes .venv in the checkout, installs the project into it
# and activates it. A virtual environment that is active already is used as it is.
#   source tools/environment.sh [EXTRA[,EXTRA...]]
# PYTHON names the interpreter that .venv is made with. What is installed beside the project is what
# was tested with it, from constraints/.
extra=${1:+[$1]}
suits='import sys, venv, ensurepip; sys.exit(not (3, 9) <= sys.version_info < (3, 13))'
if [ -n "${VIRTUAL_ENV:-}" ] && ! [ -x "$VIRTUAL_ENV/bin/python" ]; then
    echo "the active environment $VIRTUAL_ENV is not there any more; using .venv" >&2
    unset VIRTUAL_ENV
fi
if [ -z "${VIRTUAL_ENV:-}" ]; then
    if ! [ -e .venv ]; then
        candidates=(python3.11 python3.12 python3.10 python3.9 python3)
        [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
        for python in "${candidates[@]}"; do
            if "$python" -c "$suits" 2> /dev/null; then break; fi
            python=
        done
        if [ -z "$python" ]; then
            echo "i3dbox needs Python 3.9 to 3.12 with venv, which MindSpore 2.8 is made for;" \
                "none is among: ${candidates[*]}. Set PYTHON to one." >&2
            exit 1
        fi
        echo "making a virtual environment in .venv with $("$python" --version)"
        "$python" -m venv .venv
    fi
    if ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
        echo ".venv is not whole (its making was stopped, or it has no pip): remove it and call this again" >&2
        exit 1
    fi
    # not by .venv/bin/activate, which names the place where the checkout was then
    export VIRTUAL_ENV=$PWD/.venv
fi
export PATH=$VIRTUAL_ENV/bin:$PATH
tested=$PWD/constraints/py$(python -c 'import sys; print("%d%d" % sys.version_info[:2])').txt
if ! [ -e "$tested" ] || ! python -c "$suits"; then
    echo "i3dbox needs Python 3.9 to 3.12 where it trains; the environment $VIRTUAL_ENV has" \
        "$(python --version)." >&2
    exit 1
fi
# Install once, and again when what is to be installed, or where from, has changed.
stamp=$VIRTUAL_ENV/.i3dbox-$( (echo "$PWD"; cat setup.py "$tested") | cksum | tr ' ' -)${1:+-$1}
if ! [ -e "$stamp" ]; then
    echo "installing i3dbox$extra and what it needs"
    # by the environment, as it then holds for what builds the package too; as an address, as pip
    # divides a path at its spaces
    PIP_CONSTRAINT=$(python -c \
        'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$tested") \
        python -m pip install --quiet --disable-pip-version-check -e ".$extra"
    touch "$stamp"
fi
