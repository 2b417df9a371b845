"""Training: corpus, losses, initialisation, stages, checkpoints. `train` is the whole of it."""

from __future__ import annotations

from swc.training.run import Progress, train

__all__ = ["Progress", "train"]
