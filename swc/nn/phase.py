"""Phase reconstruction: fast Griffin-Lim from a starting phase.

Griffin & Lim 1984; momentum by Perraudin, Balazs & Sondergaard 2013. Deterministic and differentiable, so that training
can unroll it (Masuyama et al. 2019, deep Griffin-Lim iteration). Each iteration reaches n_fft / hop - 1 frames further.
"""

from __future__ import annotations

import torch
from torch import Tensor

from swc.nn.stft import analyse, synthesise, window_power


def griffin_lim(spectrum: Tensor, window: Tensor, hop: int, iterations: int, momentum: float) -> Tensor:
    """Waveform whose STFT has about the given magnitudes.

    Args:
        spectrum: complex (B, T, bins): the magnitudes, with the phases to start from.
        window: (n_fft,).
        hop: samples a frame.
        iterations: 0 gives the inverse STFT of the start.
        momentum: 0 is classic Griffin-Lim, 0.99 the fast one.

    Returns:
        Samples (B, T * hop).
    """
    power = window_power(window, spectrum.shape[1], hop)
    magnitude = spectrum.abs()
    previous: Tensor | None = None
    for _ in range(iterations):
        consistent = analyse(synthesise(spectrum, window, hop, power), window, hop)
        ahead = consistent
        if momentum and previous is not None:  # previous + (1 + momentum) * (consistent - previous)
            pairs = torch.lerp(torch.view_as_real(previous), torch.view_as_real(consistent), 1 + momentum)
            ahead = torch.view_as_complex(pairs)
        previous = consistent
        spectrum = torch.sgn(ahead) * magnitude
    return synthesise(spectrum, window, hop, power)
