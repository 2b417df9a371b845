"""What is written once for numpy and torch gives the same on both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from swc.codec.stereo.grid import around
from swc.dsp.arrays import Array, constant, hann, host, pad, running_max, take, unit, windows
from swc.dsp.codes import accumulate, look_up
from swc.dsp.phase import integrate_phase, peaks
from swc.dsp.spectral import expand
from swc.dsp.stft import analyse, synthesise
from swc.dsp.texture import offsets, refine

N, HOP, FRAMES = 64, 16, 20
RANDOM = np.random.default_rng(0)
AUDIO = RANDOM.standard_normal((2, FRAMES * HOP)).astype(np.float32)
WINDOW = hann(N, AUDIO)
SPECTRUM = analyse(AUDIO, WINDOW, HOP)
MAGNITUDE = abs(SPECTRUM)
OFFSETS = offsets(FRAMES, N, 16000)
BOOKS = RANDOM.standard_normal((3, 8, 5)).astype(np.float32)
CODES = RANDOM.integers(-1, 8, (2, 3, 9))
LATENTS = RANDOM.standard_normal((2, 9, 5)).astype(np.float32)
PEAKS = peaks(MAGNITUDE)

Function = Callable[..., Array]
CASES: dict[str, tuple[Function, tuple[np.ndarray, ...]]] = {
    "hann": (lambda x: hann(N, x), (AUDIO,)),
    "constant": (constant, (AUDIO,)),
    "pad": (lambda x: pad(x, 2, 3), (AUDIO,)),
    "pad with true": (lambda x: pad(x > 0, 2, 3, True), (AUDIO,)),
    "windows": (lambda x: windows(x, 20, 7), (AUDIO,)),
    "take": (take, (MAGNITUDE, PEAKS)),
    "running_max": (running_max, (AUDIO,)),
    "unit": (unit, (AUDIO,)),
    "analyse": (lambda x, w: analyse(x, w, HOP), (AUDIO, WINDOW)),
    "synthesise": (lambda x, w: synthesise(x, w, HOP), (SPECTRUM, WINDOW)),
    "peaks": (peaks, (MAGNITUDE,)),
    "integrate_phase": (lambda x, o: integrate_phase(x, N, HOP, 8, o), (MAGNITUDE, OFFSETS)),
    "refine": (lambda x, w: refine(x, w, HOP), (SPECTRUM, WINDOW)),
    "expand": (lambda x: expand(x, 0.3), (MAGNITUDE - 0.5,)),
    "around": (lambda x: around(x, 3, 4), (MAGNITUDE,)),
    "around, complex": (lambda x: around(x, 3, 4), (SPECTRUM,)),
    "look_up": (look_up, (BOOKS, CODES)),
    "accumulate": (lambda x: accumulate(x, lambda z: 0.9 * z), (LATENTS,)),
}


@pytest.mark.parametrize("name", CASES)
def test_both_kinds_of_arrays_give_the_same(name: str) -> None:
    function, arguments = CASES[name]
    one, other = function(*arguments), function(*map(torch.from_numpy, arguments))
    assert isinstance(one, np.ndarray)
    assert isinstance(other, torch.Tensor)
    assert one.dtype == host(other).dtype
    assert one.shape == other.shape
    assert np.allclose(one, host(other), rtol=1e-4, atol=1e-3 if one.dtype == np.complex64 else 1e-5)


def test_a_constant_has_no_gradient() -> None:
    x = torch.ones(3, requires_grad=True)
    assert not constant(x).requires_grad
