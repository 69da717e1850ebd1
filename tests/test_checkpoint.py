"""Checkpoints come back whole or not at all, and fit the model or are refused by name."""

import mindspore as ms
import numpy as np
import pytest
import tiny  # noqa: F401
from mindspore import Parameter, Tensor

from i3dbox.errors import CheckpointError
from i3dbox.models import build_recognizer
from i3dbox.weights.checkpoint import load_checkpoint, save_checkpoint
from i3dbox.weights.checkpoint_file import read_checkpoint
from i3dbox.weights.loading import load_weights
from i3dbox.weights.protobuf import field


def network(num_classes=3, modality='RGB', **arguments):
    return build_recognizer(
        dict(
            type='Recognizer3D',
            modality=modality,
            backbone=dict(type='TinyBackbone'),
            head=dict(type='I3DHead', num_classes=num_classes),
        ),
        **arguments,
    )


def values(recognizer):
    return {p.name: p.asnumpy().copy() for p in recognizer.get_parameters()}


@pytest.fixture
def saved(tmp_path):
    recognizer, path = network(), str(tmp_path / 'a.ckpt')
    save_checkpoint(
        path, recognizer, [Parameter(Tensor([7.0]), name='moment')], dict(step=3, modality='RGB')
    )
    return recognizer, path


def test_parameters_state_and_meta_come_back(saved):
    recognizer, path = saved
    parameters, state, meta = load_checkpoint(path)
    assert meta == dict(step=3, modality='RGB') and state == {'moment': [7.0]}
    for name, value in values(recognizer).items():
        np.testing.assert_array_equal(parameters[name], value)


def test_a_checkpoint_cut_anywhere_is_refused(saved, tmp_path):
    content = open(saved[1], 'rb').read()
    for tenth in range(10):
        cut = tmp_path / 'cut.ckpt'
        cut.write_bytes(content[: len(content) * tenth // 10])
        with pytest.raises(CheckpointError, match='cut.ckpt'):
            load_weights(network(), str(cut))


def test_a_flipped_bit_is_noticed(saved, tmp_path):
    content = bytearray(open(saved[1], 'rb').read())
    content[len(content) // 2] ^= 1
    flipped = tmp_path / 'flipped.ckpt'
    flipped.write_bytes(content)
    with pytest.raises(CheckpointError, match='flipped.ckpt is damaged'):
        load_checkpoint(str(flipped))


def test_what_is_to_be_converted_or_downloaded_first_is_told_so(tmp_path):
    (tmp_path / 'a.index').write_bytes(b'x')
    with pytest.raises(CheckpointError, match='`i3dbox convert .*a.index OUT.ckpt` makes one of'):
        load_checkpoint(str(tmp_path / 'a.index'))
    with pytest.raises(CheckpointError, match='a.pth is an address: download the file first'):
        load_checkpoint('https://download.example.org/a.pth')


def test_an_absent_file_and_a_text_file_are_refused_by_name(tmp_path):
    with pytest.raises(CheckpointError, match='nothing.ckpt does not exist'):
        load_checkpoint(str(tmp_path / 'nothing.ckpt'))
    (tmp_path / 'notes.ckpt').write_text('these are notes')
    with pytest.raises(CheckpointError, match='notes.ckpt is damaged or no MindSpore checkpoint'):
        load_checkpoint(str(tmp_path / 'notes.ckpt'))


def test_nan_weights_are_refused(tmp_path):
    recognizer = network()
    bias = recognizer.head.logits.bias
    bias.set_data(Tensor(np.full(bias.shape, np.nan, np.float32)))
    save_checkpoint(str(tmp_path / 'nan.ckpt'), recognizer)
    with pytest.raises(CheckpointError, match='NaN or infinity in head.logits.bias'):
        load_checkpoint(str(tmp_path / 'nan.ckpt'))


def test_loading_copies_every_weight_and_reports_it(saved):
    recognizer, path = saved
    other = network()
    (report,) = load_weights(other, path)
    for name, value in values(recognizer).items():
        np.testing.assert_array_equal(values(other)[name], value)
    assert len(report.matched) == len(values(other)) - 1  # all but dropout's step
    assert not (report.missing or report.unexpected or report.misshapen)


def test_fine_tuning_starts_a_head_of_other_classes_anew_and_testing_refuses_it(saved):
    other = network(num_classes=5)
    before = values(other)['head.logits.weight']
    (report,) = load_weights(other, saved[1])
    assert report.new_head
    np.testing.assert_array_equal(values(other)['head.logits.weight'], before)
    with pytest.raises(CheckpointError, match='a.ckpt has 3 classes; the model has 5'):
        load_weights(network(num_classes=5), saved[1], new_head='never')


def test_weights_give_a_network_without_values_all_that_it_lacks(tmp_path):
    backbone = dict(type='InceptionI3D', endpoints='Conv3d_2b_1x1')
    model = dict(type='Recognizer3D', backbone=backbone)
    recognizer = build_recognizer(dict(model, head=dict(type='I3DHead', num_classes=3)))
    path = str(tmp_path / 'a.ckpt')
    save_checkpoint(path, recognizer)
    head = dict(type='I3DHead', num_classes=5)
    other = build_recognizer(dict(model, head=head), initialize=False)
    parameters = list(other.get_parameters())
    assert any(parameter.has_init for parameter in parameters)
    load_weights(other, path)
    assert not any(parameter.has_init for parameter in parameters)
    assert all(one is two for one, two in zip(parameters, other.get_parameters()))
    found, expected = values(other), values(recognizer)
    for name in set(expected) - {'head.logits.weight', 'head.logits.bias'}:
        np.testing.assert_array_equal(found[name], expected[name])
    assert 0 < found['head.logits.weight'].std() < 1


def test_a_backbone_of_ones_own_has_its_values_while_it_is_built():
    other = network(initialize=False)
    assert not any(parameter.has_init for parameter in other.get_parameters())


def test_a_checkpoint_of_the_other_modality_is_refused(saved):
    with pytest.raises(CheckpointError, match='was trained on RGB; the model takes Flow'):
        load_weights(network(modality='Flow'), saved[1])


@pytest.mark.parametrize('crc_check', [False, True])
def test_what_mindspore_saves_is_read_as_mindspore_reads_it(tmp_path, crc_check):
    rng = np.random.default_rng(0)
    values = {
        'large': ms.Tensor(rng.normal(size=(3, 1, 2)), ms.float32),
        'half': ms.Tensor(rng.normal(size=5), ms.float16),
        'brain': ms.Tensor(rng.normal(size=5), ms.bfloat16),
        'scalar': ms.Tensor(2.5, ms.float64),
        'one': ms.Tensor([7], ms.int64),
        'flags': ms.Tensor([True, False]),
    }
    path = str(tmp_path / 'theirs.ckpt')
    entries = [dict(name=name, data=value) for name, value in values.items()]
    ms.save_checkpoint(entries, path, append_dict=dict(lr='cosine', epoch=3), crc_check=crc_check)
    arrays, state, meta = read_checkpoint(path)
    assert (state, meta) == ({}, {})
    theirs = {name: value for name, value in ms.load_checkpoint(path).items() if name != 'lr'}
    assert arrays.keys() == theirs.keys()
    for name, value in theirs.items():
        expected = value.float().asnumpy() if name == 'brain' else value.asnumpy()
        assert arrays[name].shape == value.shape and arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)


def test_a_parameter_that_is_stored_in_slices_is_one_array(tmp_path):
    values = np.arange(4, dtype='<f4')
    slices = (
        field(1, b'w') + field(2, b'\x08\x04' + field(2, b'Float32') + field(3, part.tobytes()))
        for part in (values[:1], values[1:])
    )
    path = tmp_path / 'a.ckpt'
    path.write_bytes(b''.join(field(1, entry) for entry in slices))
    np.testing.assert_array_equal(read_checkpoint(str(path))[0]['w'], values)


def test_missing_and_unexpected_parameters_are_named_and_nothing_is_loaded(tmp_path):
    recognizer = network()
    entries = [
        dict(name=p.name.replace('second', 'third'), data=p) for p in recognizer.get_parameters()
    ]
    ms.save_checkpoint(entries, str(tmp_path / 'foreign.ckpt'))
    other = network()
    before = values(other)
    with pytest.raises(
        CheckpointError, match=r'5 missing \(backbone.second.*5 unexpected \(backbone.third'
    ):
        load_weights(other, str(tmp_path / 'foreign.ckpt'))
    for name, value in values(other).items():
        np.testing.assert_array_equal(value, before[name])


def test_a_two_stream_model_loads_a_checkpoint_a_stream(tmp_path):
    streams = {}
    for stream, modality in (('rgb', 'RGB'), ('flow', 'Flow')):
        streams[stream] = network(modality=modality)
        save_checkpoint(
            str(tmp_path / f'{stream}.ckpt'), streams[stream], meta=dict(modality=modality)
        )
    one = dict(
        type='Recognizer3D',
        backbone=dict(type='TinyBackbone'),
        head=dict(type='I3DHead', num_classes=3),
    )
    both = build_recognizer(dict(type='TwoStreamRecognizer', rgb=one, flow=one))
    load_weights(both, {stream: str(tmp_path / f'{stream}.ckpt') for stream in streams})
    for stream, recognizer in streams.items():
        for name, value in values(recognizer).items():
            np.testing.assert_array_equal(values(both)[f'{stream}.{name}'], value)
    half = dict(rgb=str(tmp_path / 'rgb.ckpt'))
    with pytest.raises(CheckpointError, match='no checkpoint of flow is named.*there is rgb'):
        load_weights(both, half, 'never')
    with pytest.raises(CheckpointError, match='no checkpoint of rgb and flow is named'):
        load_weights(both, {})
    load_weights(both, half, 'never', streams=['rgb'])
    load_weights(both, half)  # to train from


def test_a_flow_stream_starts_from_weights_of_rgb(saved):
    colour, path = saved
    flow = network(modality='Flow')
    (report,) = load_weights(flow, dict(type='cross_modality', checkpoint=path))
    for name, value in values(colour).items():
        found = values(flow)[name]
        if value.ndim > 1 and value.shape[1] == 3:
            value = np.repeat(value.mean(1, keepdims=True), 2, axis=1)
        np.testing.assert_allclose(found, value, rtol=1e-6)
    assert 'they are of RGB: the filters of the flow stream are their mean' in str(report)


@pytest.mark.parametrize(
    'changes, modality, message',
    [
        (dict(type='cross'), 'Flow', "are dict.type='cross_modality', checkpoint=.*; got"),
        (dict(from_='RGB'), 'Flow', "are dict.type='cross_modality', checkpoint=.*; got"),
        ({}, 'RGB', 'these are of RGB, the stream of RGB'),
    ],
)
def test_weights_of_the_other_modality_are_told_exactly(saved, changes, modality, message):
    source = {**dict(type='cross_modality', checkpoint=saved[1]), **changes}
    with pytest.raises(CheckpointError, match=message):
        load_weights(network(modality=modality), source)
