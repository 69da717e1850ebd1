import numpy as np
import pytest

from i3dbox.flow.encoding import encode
from i3dbox.visualization.contact_sheet import contact_sheet, stack


def numbered_clip(frames, size=100):
    return np.tile(
        np.arange(1, frames + 1, dtype=np.uint8)[:, None, None, None] * 10, (1, size, size, 3)
    )


def test_frames_stand_in_rows_in_reading_order():
    sheet = contact_sheet(numbered_clip(5), columns=3)
    assert sheet.shape == (2 * 102, 3 * 102, 3) and sheet.dtype == np.uint8
    assert [sheet[50, 50 + 102 * k, 0] for k in range(3)] == [10, 20, 30]
    assert [sheet[152, 50 + 102 * k, 0] for k in range(2)] == [40, 50]


def test_each_clip_of_several_begins_a_row():
    sheet = contact_sheet(np.stack([numbered_clip(2), numbered_clip(2)]), columns=8)
    assert sheet.shape[:2] == (2 * 102, 2 * 102)


def test_rgb_is_shown_as_it_is_and_small_frames_pixel_by_pixel_larger():
    clip = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    sheet = contact_sheet(clip)
    assert (sheet[2:, 2:] == clip[0].repeat(3, 0).repeat(3, 1)).all()


def test_flow_is_coloured_and_its_scale_is_told():
    flow = np.zeros((2, 100, 100, 2), np.float32)
    flow[:, :50, :, 0] = 6
    sheet = contact_sheet(encode(flow), 'Flow')
    red, white = sheet[-75, 30], sheet[-25, 30]
    assert red[0] > 250 and max(red[1:]) < 10 and min(white) > 245
    assert (sheet[:18] > 200).any()  # the title strip has text even without a title


@pytest.mark.parametrize('title, lines', [('', 0), ('one', 1), ('one\ntwo', 2)])
def test_the_title_has_a_strip_a_line(title, lines):
    assert contact_sheet(numbered_clip(1), title=title).shape[0] == 102 + 20 * lines


def test_a_long_title_widens_the_sheet():
    assert contact_sheet(numbered_clip(1), title='x' * 100).shape[1] > 500


def test_stacked_images_may_differ_in_width():
    assert stack([np.ones((3, 5, 3), np.uint8), np.ones((4, 2, 3), np.uint8)]).shape == (7, 5, 3)
