"""The project's logger, as it was before."""

import contextlib
import logging


@contextlib.contextmanager
def own_log():
    """Takes back what a run in the block has set up in the project's logger, so that nobody hears
    of it later.
    """
    logger = logging.getLogger('i3dbox')
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield
    for handler in set(logger.handlers) - set(handlers):
        handler.close()
    logger.handlers, logger.level, logger.propagate = handlers, level, propagate
