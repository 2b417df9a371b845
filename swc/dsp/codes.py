"""From codes to latents, for quantizers whose stages each add a vector."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from swc.dsp.arrays import Array, namespace


def look_up(codebooks: Iterable[Array], codes: Array) -> Array:
    """The sum of the vectors that codes stand for: (B, stages, L) -> (B, L, D).

    Args:
        codebooks: (size, D) of each stage.
        codes: int64; -1 where a stage says nothing.
    """
    total: Array = 0.0
    for index, book in enumerate(codebooks):
        said = codes[:, index]
        total = total + namespace(book).where((said >= 0)[..., None], book[said.clip(0)], 0.0)
    return total


def accumulate(innovations: Array, predict: Callable[[Array], Array]) -> Array:
    """Runs of latents of their innovations (B, L, D): each is added to the prediction from the previous latent.

    Args:
        innovations: of each run, which starts from zero.
        predict: a latent (B, D) from the previous one.
    """
    xp = namespace(innovations)
    z, decoded = xp.zeros_like(innovations[:, 0]), []
    for at in range(innovations.shape[1]):
        z = predict(z) + innovations[:, at]
        decoded.append(z)
    return xp.stack(decoded, 1)
