"""Opening videos and frame folders, and reading the frames that were sampled.

The Init steps stand in front of SampleFrames, which needs to know how many frames there are; the Decode
steps behind it.
"""

from ...errors import ConfigError
from ...registry import PIPELINES
from ..frames import FrameFolder
from ..video import VideoReader
from .checks import at_least_one


class _Decode:
    """Reads the frames `frame_inds`, each once, and closes the reader."""

    def __call__(self, results):
        reader = results.pop(self.needs[0])
        try:
            results['imgs'] = reader.read(results['frame_inds'])
        finally:
            reader.close()
        results.update(total_frames=len(reader), img_shape=results['imgs'][0].shape[:2])
        return results


@PIPELINES.register
class OpenCVInit:
    """Opens a video.

    Needs: filename, name, modality.
    Writes: video_reader, total_frames.

    Args:
        num_threads (int): of the decoder; loaders have several workers already.

    Raises:
        DamagedSampleError: (when called) a file that is no video. ConfigError: the modality is Flow.
    """

    needs = ('filename', 'name', 'modality')

    def __init__(self, num_threads=1):
        at_least_one('OpenCVInit', num_threads=num_threads)
        self.num_threads = num_threads

    def __call__(self, results):
        if results['modality'] != 'RGB':
            raise ConfigError(f"OpenCVInit gives RGB only; the data set's modality is "
                              f"{results['modality']!r}. Flow is read from folders, by RawFrameInit and "
                              'RawFrameDecode')
        reader = VideoReader(results['filename'], results['name'], self.num_threads)
        results.update(video_reader=reader, total_frames=len(reader))
        return results


@PIPELINES.register
class OpenCVDecode(_Decode):
    """Decodes the sampled frames of the video, each once, in one pass.

    Needs: video_reader (which it removes), frame_inds.
    Writes: imgs (list of uint8 H x W x 3, RGB; a frame sampled twice is there twice as the same array),
    img_shape, total_frames (corrected where the file's header was wrong by a few, see VideoReader).

    Raises:
        DamagedSampleError: (when called) the video ends early.
    """

    needs = ('video_reader', 'frame_inds')


@PIPELINES.register
class RawFrameInit:
    """Opens a folder of frames.

    Needs: frame_dir, name, modality. Uses where there: filename_tmpl, total_frames.
    Writes: frame_reader, total_frames.

    Args:
        filename_tmpl (str): the images' names, see FrameFolder; default: the sample's, or else the
            original's layout.
        start_index (int): number of the first image.

    Raises:
        DamagedSampleError: (when called) a folder without frames, or fewer than stated.
        ConfigError: (when called) a template that names no frames.
    """

    needs = ('frame_dir', 'name', 'modality')

    def __init__(self, filename_tmpl=None, start_index=1):
        self.filename_tmpl, self.start_index = filename_tmpl, start_index

    def __call__(self, results):
        reader = FrameFolder(results['frame_dir'], results['modality'],
                             self.filename_tmpl or results.get('filename_tmpl'), self.start_index,
                             results.get('total_frames'), results['name'])
        results.update(frame_reader=reader, total_frames=len(reader))
        return results


@PIPELINES.register
class RawFrameDecode(_Decode):
    """Reads the sampled frames of the folder, each once.

    Needs: frame_reader (which it removes), frame_inds.
    Writes: imgs (list of uint8 H x W x 3, RGB, or H x W x 2, flow x and y; a frame sampled twice is there
    twice as the same array), img_shape, total_frames.

    Raises:
        DamagedSampleError: (when called) an image that is missing or cannot be read.
    """

    needs = ('frame_reader', 'frame_inds')
