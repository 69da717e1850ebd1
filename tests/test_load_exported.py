"""Exported files are served by any runtime, and what does not fit is told before anything runs."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys

import mindspore as ms
import numpy as np
import pytest
from tiny_export import logits, some_clips, tiny_config, write_tiny_checkpoint

from i3dbox.apis import load_exported
from i3dbox.apis.export import export
from i3dbox.errors import ConfigError, DeviceError, ExportError
from i3dbox.exporters.sidecar import write_sidecar
from i3dbox.runtimes.backends import BACKENDS

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('openvino')


@pytest.fixture(scope='module')
def tiny_onnx(tiny_export):
    return tiny_export()[0].path


@pytest.mark.slow
@pytest.mark.parametrize('format', ['MINDIR', 'ONNX'])
def test_batches_of_any_size_are_cut_and_padded_to_the_files(tiny_export, format):
    exported, _ = tiny_export(format, batch_size=2)
    model = load_exported(exported.path)
    imgs = some_clips(5)
    found = model(imgs)
    np.testing.assert_allclose(found, logits(exported, imgs), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model(imgs=imgs[4:]), found[4:], rtol=1e-5)
    assert model(imgs[:0]).shape == (0, 3)
    assert model.classes == ['dark', 'middle', 'bright'] and model.info['format'] == format


@pytest.mark.slow
@pytest.mark.parametrize('format', ['MINDIR', 'ONNX'])
def test_one_file_of_both_streams_gives_the_logits_of_both(tmp_path, format):
    stream = tiny_config(tmp_path).model
    both = dict(type='TwoStreamRecognizer', rgb=stream, flow=stream)
    cfg = tiny_config(tmp_path, model=both)
    checkpoint = write_tiny_checkpoint(cfg, tmp_path / 'both.ckpt')
    exported = export(cfg, checkpoint, format, clip_len=4, size=8)
    rgb, flow = some_clips(2), some_clips(2, seed=1)[..., :2]
    expected = exported.network(ms.Tensor(rgb), ms.Tensor(flow)).asnumpy()
    found = load_exported(exported.path)(rgb, flow)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    'inputs, names, message',
    [
        ([], {}, "the input 'imgs' is missing: the model takes imgs"),
        ([1, 2], {}, 'the model takes imgs; got 2 arrays'),
        ([1], dict(imgs=2), "the model takes imgs, each once; got 'imgs' twice"),
        ([1], dict(flow=2), "the model takes imgs, each once; got 'flow' as well"),
        (
            [some_clips(1).astype(np.float32)],
            {},
            "the input 'imgs' must be uint8 N x T x H x W x C = N x 4 x 8 x 8 x 3; got float32 1 x "
            '4 x 8 x 8 x 3',
        ),
        ([some_clips(1)[..., :2]], {}, 'got uint8 1 x 4 x 8 x 8 x 2'),
        ([some_clips(1)[0]], {}, 'got uint8 4 x 8 x 8 x 3'),
        ([np.uint8(1)], {}, 'got uint8 (a single value)'),
    ],
)
def test_wrong_inputs_are_told_before_anything_runs(tiny_onnx, inputs, names, message):
    model = load_exported(tiny_onnx)
    model.backend = None
    with pytest.raises(ExportError) as error:
        model(*inputs, **names)
    assert message in str(error.value)


@pytest.mark.parametrize(
    'arguments, kind, message',
    [
        (
            dict(backend='onnxrutime'),
            ExportError,
            "no backend is called 'onnxrutime'. Did you mean 'onnxruntime'?",
        ),
        (
            dict(backend='mindspore'),
            ExportError,
            'the backend mindspore runs .mindir files, not .*for it there are: openv',
        ),
        (
            dict(backend='onnxruntime', device='cuda'),
            DeviceError,
            r"has no device 'cuda' \(CUDAExecutionProvider\)",
        ),
        (
            dict(backend='openvino', device='gpu', device_id=3),
            DeviceError,
            "OpenVINO finds no device 'GPU.3' here",
        ),
        (
            dict(device='tpu'),
            DeviceError,
            "backend openvino has no device 'tpu'.*; the backend onnxruntime has no device",
        ),
        (
            dict(backend='onnxruntime', precision='bfloat16'),
            DeviceError,
            "has no precision 'bfloat16'; it has float32",
        ),
        (dict(threads=0), ConfigError, 'threads is a whole number from 1; got 0'),
    ],
)
def test_runtimes_that_cannot_do_what_is_asked_are_told(tiny_onnx, arguments, kind, message):
    with pytest.raises(kind, match=message):
        load_exported(tiny_onnx, **arguments)


def test_a_device_that_mindspore_has_not_is_told(tiny_export):
    path = tiny_export('MINDIR')[0].path
    with pytest.raises(DeviceError, match='this MindSpore has no device ascend 0'):
        load_exported(path, 'mindspore', device='ascend')
    with pytest.raises(DeviceError, match='the backend mindspore has no setting for threads'):
        load_exported(path, 'mindspore', threads=1)


def test_a_runtime_that_is_not_installed_is_told_with_where_to_get_it(
    tiny_export, tiny_onnx, monkeypatch
):
    path = tiny_export('MINDIR')[0].path
    with pytest.raises(
        ExportError, match='mindspore_lite is not installed: .*https://www.mindspore.cn/lite'
    ):
        load_exported(path, 'mindspore_lite', device='ascend')
    monkeypatch.setattr(BACKENDS['onnxruntime'], 'package', 'not_there')
    assert type(load_exported(tiny_onnx).backend) is BACKENDS['openvino']
    monkeypatch.setattr(BACKENDS['openvino'], 'package', 'not_there')
    with pytest.raises(
        ExportError, match='installed: pip install openvino or pip install "i3dbox.onnx."'
    ):
        load_exported(tiny_onnx)


def test_a_file_that_was_changed_or_lacks_its_description_is_refused(tiny_onnx, tmp_path):
    path = shutil.copy(tiny_onnx, tmp_path / 'a.onnx')
    with pytest.raises(ExportError, match='a.onnx has no description: .*a.onnx.json is not there'):
        load_exported(path)
    beside = shutil.copy(tiny_onnx + '.json', tmp_path / 'a.onnx.json')
    load_exported(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        ExportError, match='a.onnx is not the file that .*a.onnx.json describes: its sha256 is'
    ):
        load_exported(path)
    beside.write_text('{"format": "ONNX"}')
    with pytest.raises(ExportError, match="describes no exported file: it has no 'sha256'"):
        load_exported(path)
    beside.write_text('{')
    with pytest.raises(ExportError, match='a.onnx.json is damaged'):
        load_exported(path)
    path.unlink()
    with pytest.raises(ExportError, match='a.onnx does not exist'):
        load_exported(path)


def test_a_file_that_no_runtime_can_read_is_told(tmp_path):
    for extension, words in (
        ('.onnx', 'OpenVINO cannot load'),
        ('.mindir', 'MindSpore cannot load'),
    ):
        path = tmp_path / f'a{extension}'
        path.write_bytes(b'nothing of the kind')
        write_sidecar(
            str(path),
            dict(
                format='x',
                inputs=[dict(name='imgs', shape=[1, 2], dtype='uint8')],
                output=dict(shape=[1, 2]),
                classes=None,
            ),
        )
        with pytest.raises(ExportError, match=words):
            load_exported(str(path))


# Where it is served
# --------------------------------------------------------------------------------------


def test_serving_onnx_imports_no_mindspore(tiny_onnx):
    code = (
        'import sys, numpy as np\n'
        'from i3dbox.apis import load_exported\n'
        f'model = load_exported({tiny_onnx!r}, "onnxruntime")\n'
        'assert model(np.zeros((2, 4, 8, 8, 3), np.uint8)).shape == (2, 3)\n'
        'assert not {"mindspore", "cv2", "onnx", "openvino"} & set(sys.modules)\n'
    )
    root = pathlib.Path(__file__).parents[1]
    done = subprocess.run([sys.executable, '-c', code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


LITE = '''
"""Stands in for mindspore_lite: its documented names, and a model that sums each clip."""
import enum
import types
import numpy as np

class ModelType(enum.Enum):
    MINDIR = 0

class Context:
    def __init__(self):
        self.cpu, self.ascend = types.SimpleNamespace(), types.SimpleNamespace()

class Tensor:
    def __init__(self, shape):
        self.shape = list(shape)
    def set_data_from_numpy(self, array):
        assert list(array.shape) == self.shape and array.flags["C_CONTIGUOUS"]
        self.array = array
    def get_data_to_numpy(self):
        return self.array

class Model:
    def build_from_file(self, model_path, model_type, context=None):
        assert model_type is ModelType.MINDIR
        if getattr(context.ascend, "device_id", 0) > 0:
            raise RuntimeError("build_from_file failed! Error is no such device")
        self.context, self.inputs = context, [Tensor([2, 4, 8, 8, 3])]
    def get_inputs(self):
        return self.inputs
    def resize(self, inputs, dims):
        self.inputs = [Tensor(shape) for shape in dims]
    def predict(self, inputs):
        total = inputs[0].array.reshape(len(inputs[0].array), -1).sum(1, dtype=np.float32)
        out = Tensor([len(total), 3])
        out.array = np.stack([total] * 3, 1)
        return [out]
'''


@pytest.mark.slow
def test_mindspore_lite_is_driven_by_its_documented_interface(tiny_export, tmp_path, monkeypatch):
    (tmp_path / 'mindspore_lite.py').write_text(LITE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'mindspore_lite', raising=False)
    path = tiny_export('MINDIR', batch_size=2)[0].path
    model = load_exported(path, device='ascend', precision='float16')  # 'auto' takes it on Ascend
    context = model.backend._model.context
    assert (context.target, context.ascend.device_id, context.ascend.precision_mode) == (
        ['ascend'],
        0,
        'enforce_fp16',
    )
    imgs = some_clips(5)
    np.testing.assert_array_equal(model(imgs)[:, 0], imgs.reshape(5, -1).sum(1, dtype=np.float32))
    model = load_exported(
        tiny_export('MINDIR', batch_size=None)[0].path, 'mindspore_lite', threads=2
    )
    assert model(imgs).shape == (5, 3) and model.backend._model.context.cpu.thread_num == 2
    # as by converter_lite: other bytes, described by its source
    converted = tmp_path / 'converted.mindir'
    converted.write_bytes(b'for Ascend')
    with pytest.raises(
        ExportError, match='converted.mindir has no description.*name the description of its source'
    ):
        load_exported(converted, device='ascend')
    assert load_exported(converted, device='ascend', description=path + '.json')(imgs).shape == (
        5,
        3,
    )
    with pytest.raises(
        DeviceError, match='MindSpore Lite cannot run .* on ascend 1: .*no such device'
    ):
        load_exported(path, 'mindspore_lite', device='ascend', device_id=1)
    sys.modules.pop('mindspore_lite')


def test_signals_are_handled_when_models_in_openvino_are_gone(tiny_onnx):
    program = (
        'import os, signal, sys\n'
        'from i3dbox.runtimes.exported import load_exported\n'
        "first, second = (load_exported(sys.argv[1], 'openvino') for _ in range(2))\n"
        'del first, second\n'
        'signal.signal(signal.SIGINT, lambda number, frame: print("handled"))\n'
        'os.kill(os.getpid(), signal.SIGINT)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', program, tiny_onnx], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, 'handled\n', '')


@pytest.mark.slow
@pytest.mark.parametrize('backend, seconds', [('onnxruntime', 12), ('openvino', 3)])
def test_a_runtime_reports_to_nobody(tiny_onnx, backend, seconds):
    program = (
        'import sys, time\n'
        'from i3dbox.runtimes.exported import load_exported\n'
        'load_exported(sys.argv[1], sys.argv[2])\n'
        'time.sleep(float(sys.argv[3]))\n'
    )
    with socket.socket() as proxy:
        proxy.bind(('127.0.0.1', 0))
        proxy.listen()
        proxy.setblocking(False)
        address = f'http://127.0.0.1:{proxy.getsockname()[1]}'
        names = ('http_proxy', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY')
        own = {**dict.fromkeys(names, address), 'CI': '', 'no_proxy': ''}
        subprocess.run(
            [sys.executable, '-c', program, tiny_onnx, backend, str(seconds)],
            env={**os.environ, **own},
            check=True,
        )
        with pytest.raises(BlockingIOError):
            proxy.accept()
