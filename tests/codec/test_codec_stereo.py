"""Coupled channels without networks: what is kept of two channels by one channel and parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from swc.bitstream import Coupling, Couplings, Header, RevqLayout
from swc.bitstream.coupling import EQUAL, FIRST, OPPOSITE, PARAMETRIC, SECOND
from swc.codec.options import Stereo
from swc.codec.stereo.choice import chosen_pairs, coupling_bits
from swc.codec.stereo.couplers import Couplers
from swc.codec.stereo.upmix import Upmix
from swc.evaluation.stereo import coherence_error, differences, level_error, mono_loss, time_error

RATE, CPU = 16000, torch.empty(0)
HEADER = Header(RATE, RATE, 2, 512, 0, 10, 2, RevqLayout(1, 5, 6), bytes(8)).with_pairs([(0, 1)])
CHUNK = HEADER.chunk_latents * HEADER.hop
MUCH = 5000.0  # bits a second


def noise(seconds: float, seed: int, channels: int = 1) -> np.ndarray:
    """Noise with a spectrum that falls and a level that comes and goes, float32 (channels, samples), whole latents."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE) // HEADER.hop * HEADER.hop
    spectra = np.fft.rfft(rng.standard_normal((channels, n))) / (1 + np.arange(n // 2 + 1) / n * 20)
    x = np.fft.irfft(spectra, n) * (1.2 + np.sin(2 * np.pi * 1.3 * np.arange(n) / RATE))
    return (0.1 * x / x.std()).astype(np.float32)


def coded(channels: np.ndarray, bits: float = MUCH, block: int = 3000) -> tuple[list[Tensor], list[Couplings]]:
    """The coded channel of each chunk, and its couplings."""
    couplers, audio = Couplers(HEADER, CPU, bits), torch.from_numpy(np.ascontiguousarray(channels))
    rows = torch.cat([*(row for part in audio.split(block, 1) for row in couplers.push(part)), *couplers.flush()], 1)
    blocks, couplings = [], []
    for start in range(0, rows.shape[1], CHUNK):
        low, high = max(0, start - 4096), min(start + CHUNK, rows.shape[1])
        couplings.append(couplers.couplings(rows[1:, low : high + 4096], start - low, high - start))
        blocks.append(rows[:1, start:high])
    return blocks, couplings


def restored(blocks: list[Tensor], couplings: list[Couplings | None]) -> np.ndarray:
    """The channels (samples, 2) that these make."""
    return torch.cat(list(Upmix(HEADER, CPU).blocks(blocks, iter(couplings))), 1).numpy().T


def there_and_back(channels: np.ndarray, bits: float = MUCH) -> np.ndarray:
    return restored(*coded(channels, bits))


def plain() -> list[tuple[int, np.ndarray]]:
    x = noise(3.0, 0)[0]
    silence = np.zeros_like(x)
    return [
        (EQUAL, np.stack([x, x])),
        (OPPOSITE, np.stack([x, -x])),
        (FIRST, np.stack([x, silence])),
        (SECOND, np.stack([silence, x])),
        (EQUAL, np.stack([silence, silence])),
    ]


@pytest.mark.parametrize(("mode", "channels"), plain())
def test_what_needs_no_parameters_is_exact(mode: int, channels: np.ndarray) -> None:
    blocks, couplings = coded(channels)
    assert {one.mode for (one,) in couplings} == {mode}
    assert sum(len(one) for (one,) in couplings) == 3 * len(couplings)
    assert np.allclose(restored(blocks, couplings), channels.T, atol=1e-6)
    if mode in (EQUAL, OPPOSITE):
        assert np.array_equal(torch.cat(blocks, 1)[0].numpy(), channels[0])


@pytest.mark.parametrize("level", [-10.5, -6.0, 3.0])
def test_levels(level: float) -> None:
    x = noise(3.0, 1)[0]
    y = there_and_back(np.stack([x, x * 10 ** (-level / 20)]))
    found = 10 * np.log10(np.square(y[:, 0]).sum() / np.square(y[:, 1]).sum())
    assert found == pytest.approx(level, abs=0.5)
    assert np.corrcoef(y.T)[0, 1] > 0.99


@pytest.mark.parametrize("samples", [-13, 8])
def test_delays(samples: int) -> None:
    x = noise(3.0, 2)[0]
    channels = np.stack([x, np.roll(x, samples)])
    y = there_and_back(channels)
    assert time_error(channels.T, y, RATE) < 0.05
    assert coherence_error(channels.T, y, RATE) < 0.1


def test_channels_that_cancel_keep_their_energy() -> None:
    x = noise(3.0, 3)[0]
    channels = np.stack([x, -0.7 * x])
    blocks, _ = coded(channels)
    mix = torch.cat(blocks, 1).numpy()
    assert np.square(mix).mean() == pytest.approx(np.square(channels).mean(), rel=0.05)
    assert np.corrcoef(there_and_back(channels).T)[0, 1] < -0.98


def test_independent_channels_stay_wide_and_as_loud() -> None:
    channels = noise(4.0, 4, 2)
    y = there_and_back(channels)
    assert level_error(channels.T, y, RATE) < 2.0
    assert np.median(differences(y, RATE).coherence) < 0.4
    assert abs(mono_loss(channels.T, y, RATE)) < 1.5


def test_bits_are_kept_to() -> None:
    channels = noise(4.0, 5, 2)
    for bits in (150.0, 450.0):
        _, couplings = coded(channels, bits)
        assert sum(len(one) for (one,) in couplings) <= 1.02 * bits * channels.shape[1] / RATE + 8
    assert coupling_bits(5.33) <= 500


def test_blocks_do_not_matter() -> None:
    channels = noise(3.0, 6, 2)
    one, two = coded(channels, block=777), coded(channels, block=20000)
    assert all(torch.equal(a, b) for a, b in zip(one[0], two[0], strict=True))
    assert one[1] == two[1]


def test_a_chunk_changes_nothing_beyond_its_reach() -> None:
    blocks, couplings = coded(noise(4.0, 7, 2))
    whole, reach = restored(blocks, couplings), Upmix(HEADER, CPU).reach
    other = [*couplings]
    other[2] = (Coupling(OPPOSITE),)
    changed = np.flatnonzero((restored(blocks, other) != whole).any(1))
    assert 2 * CHUNK - reach <= changed[0]
    assert changed[-1] < 3 * CHUNK + reach
    lost = restored(blocks, [*couplings[:2], None, *couplings[3:]])
    assert np.array_equal(lost[3 * CHUNK + reach :], whole[3 * CHUNK + reach :])


def mask_pairs(stereo: Stereo, mask: int, channels: np.ndarray) -> tuple:
    return chosen_pairs(stereo, HEADER, mask, channels.T)


def test_what_is_coupled() -> None:
    x = noise(3.0, 8, 3)
    music, speakers = np.stack([x[0] + 0.5 * x[1], x[0] - 0.5 * x[1]]), x[:2]
    assert mask_pairs("auto", 0x3, music) == ((0, 1),)
    assert mask_pairs("auto", 0x3, speakers) == ()
    assert mask_pairs("coupled", 0x3, speakers) == ((0, 1),)
    assert mask_pairs("apart", 0x3, music) == ()
    assert mask_pairs("auto", 0x3, music[:, :0]) == ((0, 1),)


@pytest.mark.parametrize(
    ("mask", "pairs"),
    [
        (0x4, ()),
        (0x7, ((0, 1),)),
        (0x3F, ((0, 1), (4, 5))),
        (0x63F, ((0, 1), (4, 5), (6, 7))),
        (0x5, ()),
        (0x60C, ((2, 3),)),
    ],
)
def test_pairs_of_loudspeakers(mask: int, pairs: tuple) -> None:
    x = np.repeat(noise(1.0, 9), mask.bit_count(), 0)
    assert mask_pairs("auto", mask, x) == mask_pairs("coupled", mask, x) == pairs


def test_parametric_in_these_tests() -> None:
    _, couplings = coded(noise(2.0, 10, 2))
    assert couplings[0][0].mode == PARAMETRIC
