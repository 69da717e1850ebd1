"""Opening a sample and reading the frames that were chosen, whether it is a video or a folder of frames.

OpenClip stands in front of SampleFrames, which needs to know how many frames there are; DecodeClip behind.
"""

from ...errors import ConfigError
from ...registry import PIPELINES
from ..frames import FrameFolder
from ..video import VideoReader
from .checks import at_least_one


@PIPELINES.register
class OpenClip:
    """Opens the video `filename` or the folder of frames `frame_dir`.

    Needs: name, modality, and filename or frame_dir. Uses where there: filename_tmpl, total_frames
    (of a folder).
    Writes: reader, total_frames.

    Args:
        filename_tmpl (str): names of a folder's images, see FrameFolder; default: the sample's, or else
            the original's layout.
        start_index (int): number of a folder's first image.
        num_threads (int): of the video decoder; loaders have several workers already.

    Raises:
        DamagedSampleError: (when called) a file that is no video; a folder without frames, or with
            fewer than stated.
        ConfigError: (when called) flow from a video, or a template that names no frames.
    """

    needs = ('name', 'modality')

    def __init__(self, filename_tmpl=None, start_index=1, num_threads=1):
        at_least_one('OpenClip', num_threads=num_threads)
        self.filename_tmpl, self.start_index, self.num_threads = filename_tmpl, start_index, num_threads

    def __call__(self, results):
        name, modality = results['name'], results['modality']
        if 'frame_dir' in results:
            reader = FrameFolder(results['frame_dir'], modality, self.filename_tmpl or results.get('filename_tmpl'),
                                 self.start_index, results.get('total_frames'), name)
        elif 'filename' not in results:
            raise ConfigError(f"OpenClip needs 'filename' or 'frame_dir' in the sample; "
                              f'there are: {", ".join(sorted(results))}')
        elif modality != 'RGB':
            raise ConfigError(f"a video gives RGB only; the data set's modality is {modality!r}. Flow is read "
                              'from folders of frames')
        else:
            reader = VideoReader(results['filename'], name, self.num_threads)
        results.update(reader=reader, total_frames=len(reader))
        return results


@PIPELINES.register
class DecodeClip:
    """Reads the chosen frames, each once, and closes the video or folder.

    Needs: reader (which it removes), frame_inds.
    Writes: imgs (list of uint8 H x W x 3, RGB, or H x W x 2, flow x and y; a frame chosen twice is there
    twice as the same array), img_shape, total_frames (corrected where a video's header was wrong by a
    few, see VideoReader).

    Raises:
        DamagedSampleError: (when called) a video that ends early; an image that is missing or cannot be
            read.
    """

    needs = ('reader', 'frame_inds')

    def __call__(self, results):
        reader = results.pop('reader')
        try:
            results['imgs'] = reader.read(results['frame_inds'])
        finally:
            reader.close()
        results.update(total_frames=len(reader), img_shape=results['imgs'][0].shape[:2])
        return results
