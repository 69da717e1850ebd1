"""Opening a sample and reading the frames that were chosen, whatever they are stored in.

OpenClip comes before SampleFrames, which needs to know how many frames there are; DecodeClip after
it.
"""

from __future__ import annotations

import numpy as np

from ...argument_checks import at_least, at_least_one
from ...errors import ConfigError, DamagedSampleError
from ...media.frame_folder import FrameFolder
from ...media.packed_frames import PackedFrames
from ...media.video_reader import VideoReader
from ...registry import PIPELINES


@PIPELINES.register
class OpenClip:
    """Opens the video `filename`, the folder of frames `frame_dir` or the video `packed` in shards.

    Needs: name, modality, and filename, frame_dir or packed. Uses where there: filename_tmpl,
    start_index, total_frames, offset (of a folder).
    Writes: reader, total_frames, fps (None but for videos). The flow of a video has one frame less
    than the video.

    Args:
        filename_tmpl (str): names of a folder's images, see FrameFolder; default: the sample's, or
            found by looking.
        start_index (int): number of a folder's first image; default: the sample's, or found by
            looking.
        num_threads (int): of the video decoder; loaders have several workers already.

    Raises:
        DamagedSampleError: (when called) a file that is no video; a folder without frames, or with
            fewer than stated; flow of a video of one frame.
        ConfigError: (when called) a template that names no frames.
    """

    needs = ('name', 'modality')

    def __init__(
        self, filename_tmpl: str | None = None, start_index: int | None = None, num_threads: int = 1
    ):
        at_least_one('OpenClip', num_threads=num_threads)
        if start_index is not None:
            at_least('OpenClip', 0, start_index=start_index)
        self.filename_tmpl = filename_tmpl
        self.start_index = start_index
        self.num_threads = num_threads

    def __call__(self, results: dict) -> dict:
        name = results['name']
        modality = results['modality']
        if 'frame_dir' in results:
            reader = FrameFolder(
                results['frame_dir'],
                modality,
                self.filename_tmpl or results.get('filename_tmpl'),
                results.get('start_index') if self.start_index is None else self.start_index,
                results.get('total_frames'),
                name,
                offset=results.get('offset', 0),
            )
        elif 'packed' in results:
            reader = PackedFrames(results['packed'], modality, name)
        elif 'filename' in results:
            reader = VideoReader(results['filename'], name, self.num_threads)
        else:
            raise ConfigError(
                "OpenClip needs 'filename', 'frame_dir' or 'packed' in the sample; "
                f'there are: {", ".join(sorted(results))}'
            )
        fps = getattr(reader, 'fps', None)
        results.update(reader=reader, total_frames=_total_frames(reader, modality), fps=fps)
        if results['total_frames'] == 0:
            reader.close()
            raise DamagedSampleError(name, reader.path, 'a single frame has no flow')
        return results


@PIPELINES.register
class DecodeClip:
    """Reads the chosen frames, each once, and closes the video or folder.

    Needs: reader (which it removes), frame_inds, modality.
    Writes: imgs (list of uint8 H x W x 3, RGB, or H x W x 2, flow x and y; a frame chosen twice is
    there twice as the same array), img_shape, total_frames (corrected where a video's header was
    wrong by a few, see VideoReader).

    For the flow of a video, `imgs` are the RGB frames that it is to be computed from by
    ComputeFlow: two for each of frame_inds, the frame itself and the next.

    Raises:
        DamagedSampleError: (when called) a video that ends early; an image that is missing or
            cannot be read.
    """

    needs = ('reader', 'frame_inds', 'modality')

    def __call__(self, results: dict) -> dict:
        reader = results.pop('reader')
        frame_inds = np.ravel(results['frame_inds'])  # of steps of one's own, clips x frames
        if reader.modality != results['modality']:
            frame_inds = np.stack([frame_inds, frame_inds + 1], axis=1).reshape(-1)
        try:
            results['imgs'] = reader.read(frame_inds)
        finally:
            reader.close()
        results.update(
            total_frames=_total_frames(reader, results['modality']),
            img_shape=results['imgs'][0].shape[:2],
        )
        return results


def _total_frames(reader, modality):
    return len(reader) - (reader.modality != modality)
