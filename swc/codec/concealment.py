"""Lost chunks: the sound before one continues while it fades out, silence follows, and the next sound fades in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from swc.audio import Audio
from swc.dsp.arrays import Array, namespace

FADE = 0.05  # seconds
FADE_OUT, FADE_IN = 0.12, 0.02  # seconds, of live audio


class Concealment:
    """Invents the latents of lost chunks, and fades their audio; one object for each stream.

    Synthesis lags a few chunks behind the latents. Between the two, the object remembers which chunks are lost.

    Args:
        latents: of a full chunk.
        samples: of a fade, at the model's rate.
    """

    def __init__(self, latents: int, samples: int) -> None:
        self.size, self.samples = latents, samples
        self._lost: deque[bool] = deque()  # of the chunks on their way through synthesis

    def extended(self, latents: Iterable[Array | None], edge: Array) -> Iterator[Array]:
        """Latents of all chunks: those of a lost one are the last known latent, then the next known one.

        Args:
            latents: (channels, L, D) of each chunk, None where one is lost.
            edge: latents before the first chunk (channels, 1, D).
        """
        waiting = False  # for the chunk after a lost one
        for z in latents:
            self._lost.append(z is None)
            if z is None:
                if waiting:
                    yield _held(edge, self.size)
                waiting = True
                continue
            if waiting:
                half = self.size // 2
                yield namespace(z).concat((_held(edge, self.size - half), _held(z[:, :1], half)), 1)
                waiting = False
            yield z
            edge = z[:, -1:]
        if waiting:
            yield _held(edge, self.size)

    def faded(self, blocks: Iterable[Array]) -> Iterator[Array]:
        """The audio (channels, n) of each chunk, faded out and in where chunks are lost."""
        after_loss = True  # before the first chunk nothing could fade out
        for block in blocks:
            is_lost = self._lost.popleft()
            if is_lost:
                into = bool(self._lost) and not self._lost[0]
                gain = _fade(block.shape[1], self.samples, out=not after_loss, into=into)
                block = block * namespace(block).asarray(gain, device=block.device)
            after_loss = is_lost
            yield block


def _held(latent: Array, count: int) -> Array:
    """So many times the same latent: (channels, 1, D) -> (channels, count, D)."""
    return namespace(latent).broadcast_to(latent, (len(latent), count, latent.shape[2]))


def _fade(length: int, samples: int, out: bool, into: bool) -> NDArray[np.float32]:
    """The gain (length,) of a lost chunk: from full level at the start, to full level at the end, or neither."""
    size = min(length // 2, samples)
    ramp = np.cos(np.linspace(0, np.pi / 2, size, dtype=np.float32)) ** 2
    gain = np.zeros(length, np.float32)
    if out:
        gain[:size] = ramp
    if into:
        gain[length - size :] = ramp[::-1]
    return gain


class LiveConcealment:
    """Conceals chunks where what follows is not known yet: the sound goes on while it fades out, and fades in after it.

    Synthesis is late by some samples, and fades by as many.

    Args:
        latents: of a chunk.
        edge: latents before the first chunk (channels, 1, D).
        hop: samples a latent.
        sample_rate: of the model.
    """

    def __init__(self, latents: int, edge: Array, hop: int, sample_rate: int) -> None:
        self.size, self.edge, self.hop = latents, edge, hop
        self.slopes = -1 / (FADE_OUT * sample_rate), 1 / (FADE_IN * sample_rate)
        self.level: float | None = None  # at the end of the last chunk; None at the start
        self.gains = np.zeros(0, np.float32)  # of the samples that synthesis owes

    def latents(self, z: Array | None) -> Array:
        """Latents of the next chunk, made up if it is lost (None)."""
        lost = z is None
        made: Array = _held(self.edge, self.size) if lost else z
        self.edge = made[:, -1:]
        if self.level is None:
            self.level = float(not lost)  # before the first chunk nothing could fade
        slope = self.slopes[0] if lost else self.slopes[1]
        ramp = (self.level + slope * np.arange(1, made.shape[1] * self.hop + 1)).clip(0, 1)
        self.level, self.gains = float(ramp[-1]), np.concatenate((self.gains, ramp.astype(np.float32)))
        return made

    def faded(self, audio: Audio) -> Audio:
        """The next samples (n, channels) of synthesis."""
        gains, self.gains = np.split(self.gains, [len(audio)])
        return audio if (gains == 1).all() else audio * gains[:, None]
