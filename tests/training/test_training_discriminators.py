"""Discriminators and adversarial losses: structure, what they can tell apart, and gradients that stay finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from swc.config.training import DiscriminatorConfig
from swc.errors import InputError
from swc.training.losses.discriminators import (
    BANDS,
    QUIET,
    BandDiscriminator,
    Discriminators,
    PeriodDiscriminator,
    TieredStftDiscriminator,
    compressed_polar,
    discriminator_loss,
    feature_matching,
    generator_loss,
    split_tiers,
)

pytestmark = pytest.mark.slow

SAMPLES = 4099  # a prime: no period, hop or tier divides it


def small(spectral: str = "mtsd", periods: tuple[int, ...] = (2, 5)) -> Discriminators:
    torch.manual_seed(0)
    return Discriminators(DiscriminatorConfig(spectral, periods, period_widths=(4, 8, 8), spectral_widths=(4, 8)))


def tones(count: int, generator: torch.Generator) -> Tensor:
    frequency = 200 + 3000 * torch.rand(count, 1, generator=generator)
    return 0.14 * torch.sin(2 * math.pi * frequency * torch.arange(SAMPLES) / 44100)


def noise(count: int, generator: torch.Generator) -> Tensor:
    return 0.1 * torch.randn(count, SAMPLES, generator=generator)  # at the codec's level, like the tones


@pytest.mark.parametrize(
    ("spectral", "periods", "maps"),
    [("mtsd", (2, 5), [4, 4, 3, 3, 3]), ("mrd", (2,), [4, 11, 11, 11]), ("none", (3,), [4]), ("mtsd", (), [3, 3, 3])],
)
def test_each_discriminator_gives_its_layers_and_then_logits(
    spectral: str, periods: tuple[int, ...], maps: list[int]
) -> None:
    features = small(spectral, periods)(noise(3, torch.Generator().manual_seed(0)))
    assert [len(f) for f in features] == maps
    for f in features:
        assert all(x.ndim == 4 and x.shape[0] == 3 and x.isfinite().all() for x in f)
        assert f[-1].shape[1] == 1
        assert all(x.shape[1] > 1 for x in f[:-1])


def test_one_batch_of_both_equals_two_batches() -> None:
    model, g = small("mrd"), torch.Generator().manual_seed(0)
    x, y = noise(2, g), tones(2, g)
    for both, first, second in zip(model(torch.cat((x, y))), model(x), model(y), strict=True):
        for a, b, c in zip(both, first, second, strict=True):
            torch.testing.assert_close(a, torch.cat((b, c)), rtol=1e-4, atol=1e-5)


def test_a_period_discriminator_sees_every_sample_of_its_own_phase_only() -> None:
    model = PeriodDiscriminator(5, (4, 4))
    audio = torch.zeros(1, 5 * 40)
    changed = audio.clone()
    changed[0, 5 * 20 + 3] = 1.0
    difference = (model(changed)[-1] - model(audio)[-1]).abs().sum((0, 1, 2))
    assert difference[3] > 0
    assert difference[[0, 1, 2, 4]].max() == 0


def test_periods_are_strided_by_three_except_in_the_last_layer_and_reflect_at_the_end() -> None:
    model, audio = PeriodDiscriminator(5, (4, 4, 4)), noise(1, torch.Generator().manual_seed(0))[:, : 5 * 45 - 2]
    assert [tuple(x.shape[2:]) for x in model(audio)] == [(15, 5), (5, 5), (5, 5), (5, 5)]
    completed = torch.cat((audio, audio[:, -3:-1].flip(-1)), dim=-1)
    assert torch.equal(model(audio)[-1], model(completed)[-1])


@pytest.mark.parametrize("tiers", [2, 4, 8])
def test_tiers_take_every_bin_once_and_periodically(tiers: int) -> None:
    bins = torch.arange(64.0).expand(1, 3, 64)
    split = split_tiers(bins, tiers)
    assert split.shape == (1, 64 // tiers, tiers, 3)
    for t in range(tiers):
        assert split[0, :, t, 1].tolist() == list(range(t, 64, tiers))
    assert sorted(split[0, :, :, 2].flatten().tolist()) == list(range(64))


def test_the_scales_of_the_tiered_discriminator_share_one_architecture() -> None:
    scales = [TieredStftDiscriminator(n, p, (4, 8)) for n, p in ((512, 2), (1024, 4), (2048, 8))]
    shapes = [[tuple(p.shape) for p in s.parameters()] for s in scales]
    assert shapes[0] == shapes[1] == shapes[2]
    assert any(shape[1:] == (128, 3, 9) for shape in shapes[0])  # a tier's bins are the channels
    first = scales[2](torch.zeros(1, 8192))[0]
    assert first.shape == (1, 4, 8, 16)  # 16 frames of magnitude and 16 of phase, halved by the stride


def test_bands_cover_every_bin_once() -> None:
    model = BandDiscriminator(512, (2,), BANDS)
    assert [b for low, high in model.edges for b in range(low, high)] == list(range(257))
    first_maps = model(torch.zeros(1, 1024))[:-1]
    assert [x.shape[-1] for x in first_maps] == [(high - low + 1) // 2 for low, high in model.edges]


def test_phase_is_the_angle_of_audible_bins_and_fades_below() -> None:
    angle = torch.tensor([-3.0, -1.0, 0.5, 2.5])
    magnitude, phase = compressed_polar(torch.polar(torch.full((4,), 0.2), angle))
    torch.testing.assert_close(phase * math.pi, angle, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(magnitude, torch.full((4,), 0.2**0.3), rtol=1e-3, atol=1e-3)
    assert compressed_polar(torch.polar(torch.full((4,), QUIET / 100), angle))[1].abs().max() < 1e-3


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-22, 1e-20, 1e-18, 1e-12, 1e-7, 1e-4, 1e-2])
def test_gradients_are_bounded_at_any_level(level: float) -> None:
    x = level * torch.randn(64, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_()
    magnitude, phase = compressed_polar(x)
    (magnitude + phase).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() < 1 / QUIET  # false for NaN as well


@pytest.mark.parametrize("spectral", ["mtsd", "mrd"])
def test_silence_has_finite_gradients(spectral: str) -> None:
    model = small(spectral)
    audio = torch.zeros(2, SAMPLES, requires_grad=True)
    fake = model(audio)
    real = model(torch.zeros(2, SAMPLES))
    (generator_loss(fake) + feature_matching(real, fake) + discriminator_loss(real, fake)).backward()
    for t in (audio, *model.parameters()):
        assert t.grad is not None
        assert t.grad.isfinite().all()


@pytest.mark.parametrize(
    ("spectral", "periods"), [("none", (2, 5)), ("mtsd", ()), pytest.param("mrd", (), marks=pytest.mark.slow)]
)
def test_a_discriminator_learns_to_tell_noise_from_tones(spectral: str, periods: tuple[int, ...]) -> None:
    model, g = small(spectral, periods), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, betas=(0.8, 0.9))
    losses = []
    for _ in range(60):
        features = model(torch.cat((tones(4, g), noise(4, g))))
        loss = discriminator_loss([[x[:4] for x in f] for f in features], [[x[4:] for x in f] for f in features])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.4
    assert sum(losses[-5:]) / 5 < 0.3  # 0.5 is a discriminator that cannot tell
    with torch.no_grad():
        assert generator_loss(model(tones(4, g))) < generator_loss(model(noise(4, g)))


@pytest.mark.parametrize("spectral", ["mtsd", "mrd"])
def test_both_generator_losses_reach_all_of_the_audio(spectral: str) -> None:
    model, g = small(spectral), torch.Generator().manual_seed(0)
    real = model(tones(2, g))
    for loss in (generator_loss, lambda fake: feature_matching(real, fake)):
        audio = noise(2, g).requires_grad_()
        loss(model(audio)).backward()
        assert audio.grad is not None
        assert audio.grad.isfinite().all()
        assert (audio.grad != 0).float().mean() > 0.95


def test_feature_matching_is_zero_for_the_same_audio_only() -> None:
    model, g = small(), torch.Generator().manual_seed(0)
    x = tones(2, g)
    real = model(x)
    assert feature_matching(real, model(x)) == 0
    near, far = (feature_matching(real, model(x + s * noise(2, g))).item() for s in (0.01, 1.0))
    assert 0 < near < far


def test_feature_matching_is_relative_and_leaves_out_the_logits_and_the_real_side() -> None:
    a = torch.tensor([1.0, -3.0]).requires_grad_()
    b = torch.tensor([2.0, -2.0]).requires_grad_()
    logits = torch.ones(1), torch.zeros(1)
    loss = feature_matching([[a, logits[0]]], [[b, logits[1]]])
    assert loss.item() == pytest.approx(0.5)  # mean distance 1, mean magnitude of the real one 2
    assert feature_matching([[1000 * a, logits[0]]], [[1000 * b, logits[1]]]).item() == pytest.approx(0.5)
    loss.backward()
    assert a.grad is None
    assert b.grad is not None


def test_losses_at_known_logits() -> None:
    def logits(*values: float) -> list[list[Tensor]]:
        return [[torch.full((1, 3, 2, 2), 7.0), torch.full((1, 1, n + 1, 2), v)] for n, v in enumerate(values)]

    assert discriminator_loss(logits(1, 1), logits(0, 0)) == 0
    assert generator_loss(logits(0, 0)) == 1
    assert generator_loss(logits(1, 1)) == 0
    assert discriminator_loss(logits(0.5, 0.5), logits(0.5, 0.5)) == 0.5
    assert discriminator_loss(logits(0, 1), logits(2, 0)) == 2.5  # (1 + 4, 0), whatever the sizes of the maps
    assert generator_loss(logits(3, 1)) == 2


@pytest.mark.parametrize("spectral", ["mtsd", "mrd"])
def test_bfloat16_autocast_keeps_the_spectrum_in_float32(spectral: str) -> None:
    model, g = small(spectral), torch.Generator().manual_seed(0)
    x, audio = tones(2, g), noise(2, g).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        real, fake = model(x), model(audio)
        loss = generator_loss(fake) + 2 * feature_matching(real, fake)
    assert fake[0][-1].dtype == torch.bfloat16
    assert loss.dtype == torch.float32
    loss.backward()
    assert audio.grad is not None
    assert audio.grad.isfinite().all()
    exact_real, exact_fake = model(x), model(audio)
    exact = generator_loss(exact_fake) + 2 * feature_matching(exact_real, exact_fake)
    assert loss.item() == pytest.approx(exact.item(), rel=0.03)


@pytest.mark.parametrize(
    "wrong",
    [{"spectral": "stft"}, {"spectral": "none", "periods": ()}, {"period_widths": ()}, {"spectral_widths": (0,)}],
)
def test_a_config_without_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        DiscriminatorConfig(**wrong)  # type: ignore[arg-type]
