"""From a list of frames to one array."""

from __future__ import annotations

import numpy as np

from ...errors import ConfigError, DataError
from ...registry import PIPELINES

# glibc returns freed memory to the system beyond twice the largest block that it has seen freed,
# and paging a clip's frames in anew for every sample is a third of the loading time. Freeing one
# block of nearly 32 MB, the most that counts, raises that bound for the process. It touches no
# memory.
np.empty(31 << 20, np.uint8)


@PIPELINES.register
class PackClips:
    """Copies the frames into one array: the last step.

    Needs: imgs (list of H x W x C, num_clips * clip_len of them), num_clips.
    Writes: imgs (array num_clips x T x H x W x C of their dtype, C-contiguous), img_shape.

    Raises:
        DataError: (when called) frames of different sizes.
        ConfigError: (when called) the flow of a video was not computed.
    """

    needs = ('imgs', 'num_clips')

    def __call__(self, results: dict) -> dict:
        imgs = results['imgs']
        shape = imgs[0].shape
        if results.get('modality') == 'Flow' and shape[2] != 2:
            raise ConfigError(
                'the flow of a video is computed by the step ComputeFlow, which belongs between '
                'DecodeClip and PackClips; or read prepared flow'
            )
        clips = np.empty((len(imgs), *shape), imgs[0].dtype)
        for place, img in zip(clips, imgs):
            if img.shape != shape:
                raise DataError(
                    f'{results.get("name", "a sample")}: PackClips takes frames of one size; '
                    f'got {shape[1]} x {shape[0]} and {img.shape[1]} x {img.shape[0]}'
                )
            place[...] = img
        results['imgs'] = clips.reshape(results['num_clips'], -1, *shape)
        results['img_shape'] = shape[:2]
        return results
