"""A recognizer as it is served: one clip a row."""

from mindspore import nn

from ..errors import ExportError


def clip_network(recognizer, float_input=False):
    """Returns the Cell that is exported; it shares the recognizer's parameters.

    Args:
        recognizer (Cell): of RECOGNIZERS. Its `inputs` are ('imgs',) or ('rgb', 'flow').
        float_input (bool): without the preprocessing, which is taken out of the recognizer itself.

    Inputs of the Cell: uint8 N x T x H x W x C each, or with float_input float32 N x C x T x H x W in [-1, 1].
    Outputs: float32 N x num_classes, what the recognizer gives for a video of that one clip.
    Raises: ExportError for a recognizer of other inputs, or with float_input one without `preprocess`.
    """
    kinds = {('imgs',): OneStream, ('rgb', 'flow'): TwoStreams}
    if tuple(recognizer.inputs) not in kinds:
        raise ExportError(f'{type(recognizer).__name__} takes {", ".join(recognizer.inputs)}; a recognizer that takes '
                          'imgs, or rgb and flow, can be exported')
    if float_input:
        for name in ('rgb', 'flow') if len(recognizer.inputs) == 2 else ('',):
            stream = getattr(recognizer, name) if name else recognizer
            if not hasattr(stream, 'preprocess'):
                raise ExportError(f'{type(stream).__name__} has no preprocess to leave out: export it for uint8')
            stream.preprocess = Prepared()
    return kinds[tuple(recognizer.inputs)](recognizer).set_train(False)


class OneStream(nn.Cell):
    """One recognizer of `imgs`."""

    def __init__(self, recognizer):
        super().__init__(auto_prefix=False)  # the parameters keep their names
        self.recognizer = recognizer

    def construct(self, imgs):
        return self.recognizer(imgs.expand_dims(1))


class TwoStreams(nn.Cell):
    """A recognizer of `rgb` and `flow`."""

    def __init__(self, recognizer):
        super().__init__(auto_prefix=False)
        self.recognizer = recognizer

    def construct(self, rgb, flow):
        return self.recognizer(rgb.expand_dims(1), flow.expand_dims(1))


class Prepared(nn.Cell):
    """In the place of Preprocess, for clips that are prepared: B x N x C x T x H x W -> (B * N) x C x T x H x W."""

    def construct(self, imgs):
        b, n, c, t, h, w = imgs.shape
        return imgs.reshape(b * n, c, t, h, w)
