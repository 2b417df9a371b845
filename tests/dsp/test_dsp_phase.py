"""Integrated phases: consistent for what they are made for, local to a chunk, and safe on silence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from swc import native
from swc.dsp.phase import Trail, continue_phase, integrate_phase, peaks
from swc.dsp.stft import analyse, synthesise
from swc.dsp.texture import offsets

pytestmark = pytest.mark.usefixtures("each_way")
N, HOP, RATE = 512, 128, 16000
WINDOW = torch.hann_window(N)


def resynthesise(audio: torch.Tensor, phases: torch.Tensor) -> torch.Tensor:
    magnitude = analyse(audio, WINDOW, HOP).abs()
    return synthesise(magnitude * phases, WINDOW, HOP)


def inconsistency(audio: torch.Tensor, phases: torch.Tensor) -> float:
    """Relative error in dB between the magnitudes asked for and those of the waveform, edges left out."""
    wanted = analyse(audio, WINDOW, HOP).abs()[:, 4:-4]
    got = analyse(resynthesise(audio, phases), WINDOW, HOP).abs()[:, 4:-4]
    return 20 * math.log10(float((wanted - got).norm() / wanted.norm()))


def phases_of(audio: torch.Tensor) -> torch.Tensor:
    return integrate_phase(analyse(audio, WINDOW, HOP).abs(), N, HOP)


def zero(audio: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(analyse(audio, WINDOW, HOP))


T = torch.arange(RATE) / RATE


@pytest.mark.parametrize(
    "audio",
    [
        torch.sin(2 * math.pi * 441.3 * T),
        sum(torch.sin(2 * math.pi * f * T) / i for i, f in enumerate((220.5, 1333.3, 2718.2), 1)),
        torch.sin(2 * math.pi * (300 * T + 200 * T**2)),
    ],
    ids=["tone", "tones", "glide"],
)
def test_tones_and_glides_come_back_consistent(audio: torch.Tensor) -> None:
    audio = audio[None].float()
    assert inconsistency(audio, phases_of(audio)) < -22
    assert inconsistency(audio, phases_of(audio)) < inconsistency(audio, zero(audio)) - 10


def test_a_tone_keeps_its_frequency() -> None:
    audio = torch.sin(2 * math.pi * 1234.5 * T)[None]
    spectrum = torch.fft.rfft(resynthesise(audio, phases_of(audio))[0, :RATE] * torch.hann_window(RATE)).abs()
    assert int(spectrum.argmax()) in (1234, 1235)


def test_a_click_stays_a_click() -> None:
    audio = torch.zeros(1, RATE)
    audio[0, 5000] = 1.0
    torch.manual_seed(0)
    y = resynthesise(audio, phases_of(audio))[0]
    near = y[5000 - 32 : 5000 + 32].square().sum() / y.square().sum()
    spread = resynthesise(audio, torch.sgn(torch.randn(1, RATE // HOP, N // 2 + 1) + 0j))[0]
    assert float(near) > 0.5
    assert float(near) > 2 * float(spread[5000 - 32 : 5000 + 32].square().sum() / spread.square().sum())


def test_batch_neighbours_do_not_matter_and_vectors_have_unit_length() -> None:
    magnitude = torch.rand(3, 9, N // 2 + 1, generator=torch.Generator().manual_seed(0))
    phases = integrate_phase(magnitude, N, HOP)
    assert torch.allclose(phases.abs(), torch.ones(()), atol=1e-5)
    assert torch.equal(phases[1:2], integrate_phase(magnitude[1:2], N, HOP))


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_silence_and_few_frames(frames: int) -> None:
    for offset in (None, torch.from_numpy(offsets(frames, N, RATE))):
        phases = integrate_phase(torch.zeros(1, frames, N // 2 + 1), N, HOP, 4, offset)
        assert phases.shape == (1, frames, N // 2 + 1)
        assert bool(torch.isfinite(torch.view_as_real(phases)).all())


def test_every_bin_climbs_to_a_local_maximum() -> None:
    x = torch.tensor([[1.0, 3.0, 2.0, 1.0, 4.0, 5.0, 5.0, 0.0, 0.5]])
    assert peaks(x).tolist() == [[1, 1, 1, 5, 5, 5, 5, 8, 8]]
    y = torch.rand(4, 7, 33, generator=torch.Generator().manual_seed(0))
    peak = peaks(y)
    assert torch.equal(peak.gather(-1, peak), peak)
    assert bool((y.gather(-1, peak) >= y).all())


def test_phases_forget_at_the_quietest_frame_of_each_window() -> None:
    torch.manual_seed(0)
    one = 0.1 + torch.rand(2, 100, N // 2 + 1)
    quiet = torch.tensor([[27, 70], [39, 79]])  # in the second half of windows of 40 frames
    for channel, frames in enumerate(quiet):
        one[channel, frames] *= 0.01
    other = one.clone()
    other[:, :10] = torch.rand(2, 10, N // 2 + 1)
    a, b = (integrate_phase(magnitude, N, HOP, pause=40) for magnitude in (one, other))
    for channel, (first, _) in enumerate(quiet.tolist()):
        assert torch.equal(a[channel, first:], b[channel, first:])
        assert not torch.equal(a[channel, first - 1], b[channel, first - 1])
    c, d = (integrate_phase(magnitude, N, HOP) for magnitude in (one, other))
    assert not torch.equal(c[:, -1], d[:, -1])
    short = one[:, :20]  # half a window has no pause
    assert torch.equal(integrate_phase(short, N, HOP, pause=40), integrate_phase(short, N, HOP))


@pytest.mark.skipif(native.compiled() is None, reason="needs a C compiler: python hatch_build.py")
@pytest.mark.parametrize("kind", [torch.from_numpy, lambda x: x], ids=["torch", "numpy"])
@pytest.mark.parametrize(("frames", "n_fft"), [(1, 256), (2, 64), (40, 2048)])
def test_in_c_phases_are_those_of_arrays(
    frames: int, n_fft: int, kind: Callable[[np.ndarray], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    random, bins = np.random.default_rng(0), n_fft // 2 + 1
    magnitude, offset = (random.random(shape, np.float32) for shape in ((3, frames, bins), (frames, bins)))
    restart = np.arange(frames) % 7 == [[3], [5], [9]]

    def twice() -> list[tuple[Any, Trail]]:
        """Of some frames, and of as many that follow on them."""
        arguments = (kind(magnitude**4), n_fft, n_fft // 4, kind(restart), kind(6 * offset))
        first = continue_phase(*arguments)
        return [first, continue_phase(*arguments, first[1])]

    found = twice()
    monkeypatch.setattr(native, "serves", lambda x: False)
    for (phases, trail), (expected, end) in zip(found, twice(), strict=True):
        assert abs(phases - expected).max() < 1e-3
        assert abs(abs(phases) - 1).max() < 1e-6
        assert (math.pi - abs(abs(trail.phase - end.phase) - math.pi)).max() < 1e-3
        assert abs(trail.advance - end.advance).max() < 1e-4
        assert (trail.log == end.log).all()
