"""Batch normalisation over N x C x T x H x W."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mindspore import nn

if TYPE_CHECKING:
    from mindspore import Tensor


class BatchNorm3d(nn.BatchNorm2d):
    """Batch normalisation of a 5-D tensor, per channel.

    nn.BatchNorm3d does the same through a child cell; this one keeps the parameters' names short.

    Args:
        num_features: channels.
        eps: 1e-3 in the authors' code.
        momentum: of the moving statistics, in MindSpore's sense (new = momentum * old +
            (1 - momentum) * batch); the PyTorch ports' 0.01 is 0.99 here.
    """

    def __init__(self, num_features: int, eps: float = 1e-3, momentum: float = 0.99):
        super().__init__(num_features, eps=eps, momentum=momentum)

    def construct(self, x: Tensor) -> Tensor:
        # primitives, not a tensor's methods, and no parent's construct, whose checks would be
        # compiled 57 times: it takes a quarter of the compilation
        shape = self.shape(x)
        of_batch = self.training if self.use_batch_statistics is None else self.use_batch_statistics
        norm = self.bn_train if of_batch else self.bn_infer
        pictures = self.reshape(x, (shape[0], shape[1], -1, shape[4]))
        statistics = (self.moving_mean, self.moving_variance)
        return self.reshape(norm(pictures, self.gamma, self.beta, *statistics)[0], shape)

    def freeze_statistics(self) -> None:
        """Normalises by the moving statistics from now on, also in training, and leaves them
        alone.
        """
        self.use_batch_statistics = False
