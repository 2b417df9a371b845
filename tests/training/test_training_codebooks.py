"""The least squares for all codebooks at once: exact, better on vectors never seen, and a stage of a run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from swc.bundle.weights import load_weights
from swc.config import Config, ModelConfig, RevqConfig, SpectralConfig
from swc.config.training import GradientStage, SolvedStage
from swc.errors import InputError
from swc.nn.model import CodecModel
from swc.nn.quantizers.revq import Revq
from swc.training import train
from swc.training.data.corpus import load_corpus
from swc.training.initialise import fit_codebooks
from swc.training.run import scaled
from swc.training.stages.codebooks import RIDGE, latents_of, refit, solve_least_squares

D = 6
CONFIG = ModelConfig("small", SpectralConfig(latent_dim=D), RevqConfig(shared=1, routed=4, codebook_bits=4, window=8))


def latents(windows: int, seed: int) -> torch.Tensor:
    """Mixtures that a codebook can learn something of."""
    centres = torch.randn(40, D, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(seed)
    which = torch.randint(0, 40, (windows, 8), generator=generator)
    return centres[which] + 0.3 * torch.randn(windows, 8, D, generator=generator)


@pytest.fixture
def quantizer() -> Revq:
    torch.manual_seed(0)
    q = Revq(CONFIG)
    fit_codebooks(q, latents(60, 1), torch.Generator().manual_seed(0), iterations=2)
    return q


def error(q: Revq, z: torch.Tensor) -> float:
    codes = q.encode(z, torch.full((len(z), 1), 2), z.shape[1], effort=0)
    return float((z - q.decode(codes)).square().mean())


def test_solve_is_ridge_regression_on_the_codes(quantizer: Revq) -> None:
    z = latents(30, 2)
    codes = quantizer.encode(z, torch.tensor([[0], [1], [2], [3], [4]] * 6), z.shape[1], effort=0)
    residual = z - quantizer.decode(codes)
    flat = codes.transpose(1, 2).flatten(0, 1)
    design = torch.zeros(len(flat), 5 * 16, dtype=torch.float64)
    for stage in range(5):
        on = flat[:, stage] >= 0
        design[on.nonzero().flatten(), flat[on, stage] + 16 * stage] = 1
    normal = design.t() @ design + RIDGE * torch.eye(80, dtype=torch.float64)
    expected = torch.linalg.solve(normal, design.t() @ residual.double().flatten(0, 1))
    before = torch.cat([book.code.clone() for book in quantizer.books()])
    left = solve_least_squares(quantizer, residual, codes)
    change = torch.cat([book.code for book in quantizer.books()]) - before
    assert torch.allclose(change.double(), expected, atol=2e-3)
    assert torch.allclose(left, z - quantizer.decode(codes), atol=1e-5)
    assert left.square().mean() < residual.square().mean()


def test_refit_lowers_the_error_of_vectors_never_seen(quantizer: Revq) -> None:
    seen, unseen = latents(400, 3), latents(200, 4)
    before = error(quantizer, unseen)
    k = torch.randint(0, 5, (400, 1), generator=torch.Generator().manual_seed(0))
    rounds = list(refit(quantizer, seen, k, torch.Generator().manual_seed(0), rounds=3))
    assert len(rounds) == 3
    assert all(r.solved < r.found for r in rounds)
    assert rounds[-1].found < rounds[0].found
    assert error(quantizer, unseen) < 0.9 * before


def test_codes_out_of_use_are_put_to_use(quantizer: Revq) -> None:
    quantizer.books()[0].code[3] = 100.0
    refit_once = refit(quantizer, latents(300, 5), torch.full((300, 1), 2), torch.Generator().manual_seed(0), rounds=2)
    assert next(refit_once).replaced > 0
    assert float(quantizer.books()[0].code.abs().max()) < 10


def test_nothing_but_silence_is_survived(quantizer: Revq) -> None:
    for book in quantizer.books():
        book.code.zero_()
    silence = torch.zeros(40, 8, D)
    rounds = list(refit(quantizer, silence, torch.full((40, 1), 2), torch.Generator().manual_seed(0), rounds=2))
    assert rounds[-1].solved == 0
    assert all(torch.isfinite(book.code).all() for book in quantizer.books())


@pytest.mark.slow
def test_a_run_with_a_stage_of_codebooks(
    tiny_config: Path, audio_folder: Path, two_clips: Path, tmp_path: Path
) -> None:
    base = Config.from_toml(tiny_config)
    short = {"steps": 4, "batch": 4, "warmup": 2}
    stages = (
        GradientStage("magnitude", **short),
        SolvedStage("codebooks", steps=2),
        GradientStage("waveform", **short, trains="decoder"),
    )
    config = dataclasses.replace(base, training=dataclasses.replace(base.training, stages=stages))
    assert [s.steps for s in scaled(config, None, 4).training.stages] == [2, 2, 2]
    out = tmp_path / "out"
    weights = train(config, audio_folder, out, val=two_clips)
    rounds = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines() if '"round"' in line]
    assert [r["stage"] for r in rounds] == ["codebooks"] * 2
    # the codebooks that were solved for are the ones that are kept
    kept, solved = CodecModel(config.model), CodecModel(config.model)
    load_weights(kept, weights)
    load_weights(solved, out / "best-2-codebooks.safetensors")
    for name, value in kept.quantizer.state_dict().items():
        assert torch.equal(value, solved.quantizer.state_dict()[name])
    assert all(torch.equal(a, b) for a, b in zip(kept.encoder.parameters(), solved.encoder.parameters(), strict=True))


def test_latents_are_of_whole_recordings(tiny_config: Path, audio_folder: Path) -> None:
    config = Config.from_toml(tiny_config)
    corpus = load_corpus(audio_folder, config.model, workers=1)
    model = CodecModel(config.model).eval()
    t = config.training
    every = latents_of(model, corpus, config, torch.Generator().manual_seed(0))
    whole = int((corpus.lengths // config.crop).sum())
    assert 0 < len(every) <= whole
    assert every.shape[1:] == (t.crop_latents, config.model.backbone.latent_dim)
    little = dataclasses.replace(config, training=dataclasses.replace(t, refit_hours=1e-6))
    assert len(latents_of(model, corpus, little, torch.Generator().manual_seed(0))) < len(every)


def test_a_stage_of_codebooks_needs_rounds() -> None:
    with pytest.raises(InputError, match="needs steps"):
        SolvedStage(
            "codebooks",
        )
