"""Synthesis that goes on: phases restart once in a period, chunks follow each other, and nothing changes afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from swc import Codec
from swc.dsp.causal import CausalSynthesis, Pauses
from swc.dsp.phase import continue_phase
from swc.dsp.spectral import SpectralSynthesis

pytestmark = pytest.mark.usefixtures("each_way")


@pytest.fixture(scope="module")
def decoder(live_bundle: Path) -> SpectralSynthesis:
    found = Codec.load(live_bundle).model.decoder.requires_grad_(False)
    assert isinstance(found, SpectralSynthesis)
    return found


def latents(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, count, 16, generator=torch.Generator().manual_seed(seed))


def pushed(synthesis: CausalSynthesis, z: torch.Tensor, sizes: tuple[int, ...]) -> list[torch.Tensor]:
    return [synthesis.push(part) for part in z.split(sizes, 1)]


def test_phases_restart_at_the_first_quiet_frame_of_the_second_half_or_at_the_last() -> None:
    level = torch.ones(2, 24)
    level[0, [1, 5, 6]] = 0.4  # one in the first half does not count, and one is enough
    found = Pauses(8).restarts(level)
    assert found.nonzero().tolist() == [[0, 5], [0, 15], [0, 23], [1, 7], [1, 15], [1, 23]]


@pytest.mark.parametrize("cut", [1, 3, 7, 8])
def test_pauses_do_not_depend_on_the_cut(cut: int) -> None:
    level = torch.rand(2, 50, generator=torch.Generator().manual_seed(0))
    pauses = Pauses(12)
    parts = [pauses.restarts(part) for part in level.split(cut, 1)]
    assert torch.equal(torch.cat(parts, 1), Pauses(12).restarts(level))
    late = Pauses(12, 17)  # from the next period on, no trace of where it began
    assert torch.equal(late.restarts(level[:, 17:])[:, 7:], Pauses(12).restarts(level)[:, 24:])


@pytest.mark.parametrize("cut", [1, 4, 11])
def test_phases_go_on_where_they_ended(cut: int) -> None:
    magnitude = torch.rand(2, 1, 257, generator=torch.Generator().manual_seed(0)).expand(2, 30, 257)
    restart = torch.zeros(2, 30, dtype=torch.bool)
    restart[0, 7] = True
    whole, _ = continue_phase(magnitude, 512, 128, restart)
    parts, trail = [], None
    for some, again in zip(magnitude.split(cut, 1), restart.split(cut, 1), strict=True):
        phases, trail = continue_phase(some, 512, 128, again, None, trail)
        parts.append(phases)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-3)


@pytest.mark.parametrize("sizes", [(2,) * 10, (1,) * 20, (5, 1, 14)])
def test_audio_is_late_by_half_a_window_and_complete(decoder: SpectralSynthesis, sizes: tuple[int, ...]) -> None:
    synthesis, z = decoder.causal(), latents(20)
    parts = pushed(synthesis, z, sizes)
    hop = 256
    assert [part.shape[1] for part in parts] == [sizes[0] * hop - 256, *(size * hop for size in sizes[1:])]
    assert sum(part.shape[1] for part in (*parts, synthesis.flush())) == 20 * hop


def test_what_comes_later_changes_nothing(decoder: SpectralSynthesis) -> None:
    z = latents(20)
    other = torch.cat((z[:, :10], latents(10, seed=1)), 1)
    one, two = (torch.cat(pushed(decoder.causal(), some, (2,) * 10), 1) for some in (z, other))
    same = 10 * 256 - 256
    assert torch.equal(one[:, :same], two[:, :same])
    assert not torch.equal(one[:, same : same + 256], two[:, same : same + 256])


@pytest.mark.parametrize("chunk", [2, 9])
def test_what_came_before_is_forgotten_within_the_overlap(decoder: SpectralSynthesis, chunk: int) -> None:
    z, changed = latents(126)[:1], latents(126)[:1]
    changed[:, 36:54] = latents(18, seed=1)[:1]
    one, two = (torch.cat(list(decoder.synthesise(some.split(chunk, 1), chunk, 2)), 1) for some in (z, changed))
    before, after = decoder.overlap(2)
    differs = (one != two).any(0).nonzero().flatten()
    assert 36 * 256 - before <= int(differs[0]) <= 36 * 256
    assert 54 * 256 < int(differs[-1]) < 54 * 256 + after < 120 * 256
    late = torch.cat(list(decoder.synthesise(z[:, 36:].split(chunk, 1), chunk, 2, first=36)), 1)
    assert torch.equal(late[:, after:], one[:, 36 * 256 + after :])
