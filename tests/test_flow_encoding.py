import numpy as np
import pytest

from i3dbox.flow.encoding import decode, encode, flow_to_color


def uniform(x, y, shape=(4, 5)):
    return np.tile(np.array([x, y], np.float32), (*shape, 1))


def test_the_bound_maps_to_the_ends_of_8_bits_and_rest_to_the_middle():
    assert encode([-20, 0, 20]).tolist() == [0, 128, 255]


def test_larger_flow_is_cut():
    assert encode([-1000, 21, np.inf]).tolist() == [0, 255, 255]


def test_values_are_rounded_and_not_cut_off():
    step = 40 / 255
    assert encode(np.array([10.4, 10.6]) * step - 20).tolist() == [10, 11]


@pytest.mark.parametrize('bound', [5, 20])
def test_decoding_gives_the_flow_back_to_half_a_step(bound):
    flow = np.random.default_rng(0).uniform(-bound, bound, (3, 8, 8, 2)).astype(np.float32)
    back = decode(encode(flow, bound), bound)
    assert back.dtype == np.float32 and back.shape == flow.shape
    assert np.abs(back - flow).max() <= bound / 255 + 1e-5


def test_every_8_bit_value_survives_a_round_trip():
    values = np.arange(256, dtype=np.uint8)
    assert (encode(decode(values)) == values).all()


def test_rest_is_white_and_the_directions_have_their_hues():
    assert (flow_to_color(uniform(0, 0)) == 255).all()
    right, left, down, up = (
        flow_to_color(uniform(x, y))[0, 0].tolist()
        for x, y in ((20, 0), (-20, 0), (0, 20), (0, -20))
    )
    assert right == [255, 0, 0] and left == [0, 255, 255]
    assert down[1] == 255 > down[0] > down[2] and up[2] == 255 > up[0] > up[1]


def test_saturation_grows_with_the_magnitude_up_to_the_bound():
    weak, strong, more = (flow_to_color(uniform(x, 0), bound=8)[0, 0, 1] for x in (2, 8, 100))
    assert 255 > weak > strong == more == 0


def test_a_whole_clip_is_coloured_frame_by_frame():
    flow = np.random.default_rng(0).normal(0, 9, (2, 3, 6, 7, 2))
    colours = flow_to_color(flow)
    assert colours.shape == (2, 3, 6, 7, 3) and colours.dtype == np.uint8
    assert (colours[1, 2] == flow_to_color(flow[1, 2])).all()
