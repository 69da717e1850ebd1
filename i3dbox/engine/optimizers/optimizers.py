"""MindSpore's optimizers under the names and with the arguments that users know.

An optimizer is a function of (params, lr, **its own arguments): `params` from `build_optimizer`,
`lr` a list with one rate an update.
"""

from mindspore import nn

from ...registry import OPTIMIZERS


@OPTIMIZERS.register
def SGD(params, lr, momentum=0.9, weight_decay=0.0, nesterov=False):
    """Stochastic gradient descent with momentum."""
    return nn.SGD(params, lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)


@OPTIMIZERS.register
def Adam(params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Adam (Kingma and Ba 2015); weight decay is added to the gradient."""
    return nn.Adam(params, lr, beta1=betas[0], beta2=betas[1], eps=eps, weight_decay=weight_decay)


@OPTIMIZERS.register
def AdamW(params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return nn.AdamWeightDecay(
        params, lr, beta1=betas[0], beta2=betas[1], eps=eps, weight_decay=weight_decay
    )


@OPTIMIZERS.register
def RMSProp(params, lr, decay=0.9, momentum=0.0, eps=1e-10, weight_decay=0.0):
    """RMSProp (Tieleman and Hinton 2012)."""
    return nn.RMSProp(
        params, lr, decay=decay, momentum=momentum, epsilon=eps, weight_decay=weight_decay
    )
