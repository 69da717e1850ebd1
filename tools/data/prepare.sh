# Sourced by prepare_ucf101.sh and prepare_hmdb51.sh, with `name`, `video_archive` and `split_archive` set.
#   ROOT [--steps videos,splits,frames,flow,annotations] [--workers N] [--shard I/N] [--short-side N] [--fps N] [--quality N]
# An archive is unpacked beside its place and renamed, and extraction goes on where it stopped: run it again.
set -euo pipefail
if [ $# -lt 1 ] || [[ $1 == -* ]]; then sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 2; fi
mkdir -p "$1"
root=$(cd "$1" && pwd)
shift
steps=videos,splits,frames,flow,annotations
if [ "${1:-}" = --steps ]; then
    if [ $# -lt 2 ]; then echo "--steps wants a list" >&2; exit 2; fi
    steps=$2
    shift 2
fi
for word in "$@"; do # told now and not behind hours of unpacking
    case $word in
        --workers | --shard | --short-side | --fps | --quality | [0-9]*) ;;
        *) echo "'$word' is no argument here; after ROOT and --steps come --workers, --shard, --short-side, --fps and" \
            "--quality, each with a number" >&2
           exit 2 ;;
    esac
done
cd "$(dirname "$0")/../.."
for step in ${steps//,/ }; do
    case $step in
        videos | splits | frames | flow | annotations) ;;
        *) echo "there is no step '$step'; there are: videos, splits, frames, flow, annotations" >&2; exit 2 ;;
    esac
done
wants() { [[ ,$steps, == *,$1,* ]]; }

unpack() { # ARCHIVE FOLDER
    mkdir -p "$2"
    if [[ $1 == *.zip ]]; then python3 -m zipfile -e "$1" "$2"
    elif command -v bsdtar > /dev/null; then bsdtar -xf "$1" -C "$2"
    elif command -v unar > /dev/null; then unar -quiet -force-overwrite -no-directory -output-directory "$2" "$1"
    elif command -v unrar > /dev/null; then unrar x -o+ -idq "$1" "$2/"
    else
        echo "unpacking $1 needs bsdtar (Debian: apt install libarchive-tools), unar or unrar, and none is here" >&2
        return 1
    fi
}

# unpack_to NAME ARCHIVE: makes $root/NAME of the one folder that the archive holds, or of its content
unpack_to() {
    if [ -d "$root/$1" ]; then echo "== $1: there already"; return; fi
    local archive=$root/$2 part=$root/.$1.part inner
    if ! [ -f "$archive" ]; then
        echo "$archive is not there: put the downloaded $2 into $root" >&2
        exit 1
    fi
    echo "== $1: unpacking $2"
    rm -rf "$part"
    if ! unpack "$archive" "$part"; then
        echo "$archive could not be unpacked; is the download whole?" >&2
        exit 1
    fi
    for inner in "$part"/*.rar; do # one in it for every class
        [ -e "$inner" ] || continue
        if ! unpack "$inner" "$part"; then
            echo "${inner##*/} in $archive could not be unpacked; is the download whole?" >&2
            exit 1
        fi
        rm "$inner"
    done
    inner=("$part"/*)
    if [ ${#inner[@]} = 1 ] && [ -d "${inner[0]}" ]; then mv "${inner[0]}" "$root/$1"; rm -rf "$part"
    else mv "$part" "$root/$1"; fi
}

if wants videos; then unpack_to videos "$video_archive"; fi
if wants splits; then unpack_to splits "$split_archive"; fi
if [ -z "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ -x .venv/bin/python ]; then PATH=$PWD/.venv/bin:$PATH; fi
if ! python -c 'import cv2, numba, terminaltables' 2> /dev/null; then source tools/environment.sh; fi
status=0
went_on() { # STATUS: 1 means that some videos failed; anything else ends the script, Ctrl-C above all
    status=$1
    if [ "$status" != 1 ]; then exit "$status"; fi
}
if wants frames; then
    echo "== frames"
    python tools/data/extract_frames.py "$root/videos" "$root/rawframes" "$@" || went_on $?
fi
if wants flow; then
    echo "== flow"
    python tools/data/extract_flow.py "$root/videos" "$root/flow" "$@" || went_on $?
fi
if wants annotations && [[ " $* " == *" --shard "* ]]; then
    echo "== annotations: not of a shard; when all are done, run with --steps annotations"
elif wants annotations; then
    echo "== annotations"
    python tools/data/build_annotations.py "$name" "$root/splits" "$root/rawframes" "$root/annotations" --missing skip
fi
if [ $status -ne 0 ]; then
    echo "some videos failed, see above; the rest is ready in $root" >&2
    exit $status
fi
echo "$name is ready in $root"
