"""Training: corpus, losses, initialisation, stages, checkpoints. `train` runs all of it.

Names are imported when first used, so that processes that decode recordings start without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swc.training.run import Progress, train

__all__ = ["Progress", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'swc.training' has no attribute {name!r}")
    from swc.training import run

    return getattr(run, name)
