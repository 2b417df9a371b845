"""Batches: crops at other speeds, rates, and windows that are searched."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from swc.config import Config
from swc.training.data.batches import draw_batch, draw_k, resampled
from swc.training.data.corpus import Corpus

TONE = 440.0


@pytest.fixture(scope="module")
def corpus(config: Config) -> Corpus:
    """Ten seconds of a tone of amplitude 0.5."""
    rate = config.model.sample_rate
    n = 10 * rate
    tone = 0.5 * torch.sin(2 * torch.pi * TONE / rate * torch.arange(n, dtype=torch.float64))
    samples = (tone * 32768).to(torch.int16)
    one = torch.ones(1)
    return Corpus(samples, torch.zeros(1).long(), torch.tensor([n]), 0 * one, 2e4 * one, rate)


def with_training(config: Config, **changes: object) -> Config:
    return dataclasses.replace(config, training=dataclasses.replace(config.training, gain_db=(0.0, 0.0), **changes))


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def pitch(audio: torch.Tensor, rate: int) -> torch.Tensor:
    """Frequency in Hz of tones (B, samples), from a padded spectrum."""
    n = 1 << 18
    spectrum = torch.fft.rfft(audio * torch.hann_window(audio.shape[1]), n).abs()
    return spectrum.argmax(1) * rate / n


def test_a_share_of_the_crops_plays_faster_or_slower_by_two_factors(config: Config, corpus: Corpus) -> None:
    changed = with_training(config, speed=(0.5, 0.8), speed_share=0.5, crop_latents=32)
    audio = draw_batch(changed, corpus, 8, generator()).audio
    assert audio.shape == (8, changed.crop)
    heard = pitch(audio, config.model.sample_rate)
    assert torch.allclose(heard[:4], torch.full((4,), TONE), rtol=0.005)
    slow, slower = heard[4:6] / TONE, heard[6:] / TONE
    for pair in (slow, slower):
        assert float((pair[0] - pair[1]).abs()) < 0.005
        assert 0.45 < float(pair[0]) < 0.85
    assert not torch.allclose(slow, slower, rtol=0.005)
    # as loud as before, inside and at the edges
    assert torch.allclose(audio.abs().amax(1), torch.full((8,), 0.5), atol=0.03)
    assert torch.allclose(audio[:, :200].abs().amax(1), torch.full((8,), 0.5), atol=0.05)


def test_batches_come_out_where_training_is_though_the_samples_stay(config: Config, corpus: Corpus) -> None:
    elsewhere = torch.device("meta")  # a device without contents
    large = corpus.to(elsewhere, samples=False)
    assert large.samples.device.type == "cpu"
    batch = draw_batch(with_training(config, speed_share=0.5, mask_search=0.5), large, 4, generator())
    assert batch.searched is not None
    assert {t.device for t in (batch.audio, batch.k, batch.searched, large.recording(0))} == {elsewhere}


def test_the_same_generator_draws_the_same_batch(config: Config, corpus: Corpus) -> None:
    mixed = with_training(config, speed_share=0.4, mask_search=0.5)
    one, same = (draw_batch(mixed, corpus, 5, generator()) for _ in range(2))
    assert torch.equal(one.audio, same.audio)
    assert torch.equal(one.k, same.k)
    assert one.searched is not None
    assert same.searched is not None
    assert torch.equal(one.searched, same.searched)
    assert not torch.equal(one.audio, draw_batch(mixed, corpus, 5, torch.Generator().manual_seed(5)).audio)


def test_rates_are_the_nominal_one_or_drawn(config: Config) -> None:
    routed, nominal = config.model.quantizer.routed, config.training.nominal_k

    def drawn(count: int, **changes: object) -> torch.Tensor:
        return draw_k(with_training(config, **changes), count, generator()).flatten()

    uniform = drawn(20000, nominal_share=0.0).bincount(minlength=routed + 1)
    assert torch.allclose(uniform / 20000, torch.full((routed + 1,), 1 / (routed + 1)), atol=0.015)
    low = drawn(20000, nominal_share=0.0, other_rates="log").bincount()
    edges = torch.arange(1, routed + 3).log() / torch.tensor(routed + 2).log()
    assert torch.allclose(low / 20000, edges.diff(), atol=0.015)
    assert (drawn(50, nominal_share=1.0) == nominal).all()


def test_only_windows_up_to_the_nominal_rate_are_searched(config: Config, corpus: Corpus) -> None:
    nominal = config.training.nominal_k
    batch = draw_batch(with_training(config, mask_search=0.5, crop_windows=2), corpus, 400, generator())
    assert batch.searched is not None
    assert batch.k.shape == batch.searched.shape == (400, 2)
    assert int(batch.k[batch.searched].max()) <= batch.most == nominal
    eligible = batch.k <= nominal
    assert float(batch.searched[eligible].float().mean()) == pytest.approx(0.5, abs=0.1)
    assert draw_batch(with_training(config, mask_search=0.0), corpus, 4, generator()).searched is None


def test_resampling_keeps_amplitude_and_cuts_what_no_longer_fits() -> None:
    n = 4096
    t = torch.arange(n) / n
    low, high = (torch.cos(2 * torch.pi * f * t)[None] for f in (100, 1800))
    assert torch.allclose(resampled(low, 3072), torch.cos(2 * torch.pi * 100 * torch.arange(3072) / 3072), atol=1e-3)
    assert float(resampled(high, 3072).abs().max()) < 1e-3, "above half of the new rate"
