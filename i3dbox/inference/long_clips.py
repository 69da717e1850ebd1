"""A clip cut into windows whose time steps are those of one forward over the whole."""

from __future__ import annotations


def least_frames(stride: int, context: int) -> int:
    """Frames of a window that holds a time step and all that it can depend on, of a clip of any
    length.
    """
    return (2 * context + 2) * stride - 1


def cut_whole(
    length: int, max_frames: int, stride: int, context: int, shortest: bool = True
) -> tuple[int, int, list[tuple]]:
    """Cuts a clip into windows of one length that slide evenly, and a last one that ends with the
    clip; they are as few as max_frames allows, and then as short as they can be.

    A window begins at a multiple of the stride and has a length that leaves the same remainder as
    the clip's, as "same" padding depends on both. The steps whose context crosses its ends are left
    to its neighbours.

    Args:
        length: frames of the clip.
        max_frames: of a window; at least `least_frames`.
        stride: frames a step. context: steps on either side that a step may depend on.
        shortest: no: windows are as long as max_frames allows, so that all clips have the same.

    Returns:
        the frames of a window, those from one to the next, and for each window (start, first,
        last): its first frame, and which of its steps to keep, [first, last).
    """
    if length <= max_frames:
        return length, length, [(0, 0, None)]
    whole, rest = divmod(length, stride)
    # what `number` windows, each `kept` steps after the one before, have to share
    inner = whole - 2 * context
    most = (max_frames - rest) // stride - 2 * context
    number = -(-inner // most)
    kept = -(-inner // number) if shortest else most
    frames = (kept + 2 * context) * stride + rest
    cuts = []
    done = 0
    for index in range(number):
        begin = min(index * kept, (length - frames) // stride)
        end = begin + kept + context if index < number - 1 else -(-length // stride)
        cuts.append((begin * stride, done - begin, end - begin))
        done = end
    return frames, kept * stride, cuts
