"""Segments, bit allocation, levels, configs, bundles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import swc
from swc.budget import allocate
from swc.config import Config, LevelConfig
from swc.errors import InputError, ModelError
from swc.hub import bundle_for, find_bundle
from swc.level import factor, gain_q8, loud_level_db
from swc.segments import segments


@given(
    total=st.integers(0, 60),
    step=st.integers(1, 20),
    reach=st.integers(0, 15),
    cut=st.integers(1, 30),
)
def test_segments_cover_the_signal_with_its_own_context(total: int, step: int, reach: int, cut: int) -> None:
    signal = torch.arange(total)[None]
    covered = []
    for part, before, length in segments(iter(signal.split(cut, 1)), step, reach):
        start = len(covered)
        assert before == min(reach, start)
        assert part[0].tolist() == list(range(start - before, min(total, start + length + reach)))
        covered += part[0, before : before + length].tolist()
    assert covered == list(range(total))


@given(
    heard=st.lists(st.booleans(), min_size=1, max_size=8),
    experts=st.integers(0, 17),
    bits=st.integers(0, 70000),
)
def test_allocation_fits_is_even_and_leaves_no_room_unused(heard: list[bool], experts: int, bits: int) -> None:
    counts = allocate(heard, [43] * len(heard), experts, bits, 10)
    spent = 430 * sum(counts)
    assert spent <= bits
    assert max(counts) <= experts
    assert spent + 430 > bits or min(counts) == experts
    for kind in (True, False):
        mine = [c for c, h in zip(counts, heard, strict=True) if h is kind]
        assert not mine or max(mine) - min(mine) <= 1
    if any(c and not h for c, h in zip(counts, heard, strict=True)):
        assert all(c == experts for c, h in zip(counts, heard, strict=True) if h)


def test_level_counts_the_loud_parts() -> None:
    rate = 8000
    sine = 0.1 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    assert loud_level_db(sine, rate) == pytest.approx(-23.01, abs=0.05)
    assert loud_level_db(np.concatenate((sine, np.zeros(9 * rate))), rate) == pytest.approx(-23.01, abs=0.05)
    assert loud_level_db(np.zeros(rate), rate) == -np.inf
    assert loud_level_db(np.zeros((0, 2)), rate) == -np.inf


def test_gain_reaches_the_target_within_its_bounds() -> None:
    config = LevelConfig(target_db=-20.0, max_gain_db=30.0)
    assert gain_q8(-26.0, config) == 6 * 256
    assert gain_q8(-55.0, config) == 30 * 256
    assert gain_q8(-61.0, config) == 0
    assert gain_q8(-np.inf, config) == 0
    assert factor(6 * 256) == pytest.approx(1.9953, rel=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\ncolour = 3', "unknown key 'colour'"),
        ('name = "x"\n[backbone]\ndims = 3', "unknown key 'dims'"),
        ('name = "x"\n[backbone]\ndim = "wide"', "must be int"),
        ('name = "x"\nbackbone = 3', "must be a table"),
        ('name = "x"\n[training]\ngain_db = [1]', "must have 2 values"),
        ("sample_rate = 3", "name"),
        ("name = ", "not a TOML file"),
        ('name = "x"\n[backbone]\nframe_hop = 0', "frame_hop must be at least 1"),
        ('name = "x"\n[backbone]\nn_fft = 500', "multiple of 2 frame_hop"),
        ('name = "x"\n[backbone]\nexponent = nan', "exponent"),
        ('name = "x"\n[backbone]\nkernel = 6', "odd"),
        ('name = "x"\n[backbone]\nlatent_dim = 999', "latent_dim"),
        ('name = "x"\n[quantizer]\ncodebook_bits = 17', "codebook_bits"),
        ('name = "x"\n[quantizer]\nrouted = 0', "routed must be at least 1"),
        ('name = "x"\n[[training.stages]]\nkind = "magnitud"', "kind must be one of"),
        ('name = "x"\n[training]\nspeed = [1.2, 0.9]', "speed must be two rising numbers"),
        ('name = "x"\n[training]\nspeed_share = 1.5', "speed_share must be 0 to 1"),
    ],
)
def test_configs_reject_what_they_do_not_know(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Config.from_toml(path)
    with pytest.raises(InputError, match="no config file"):
        Config.from_toml(tmp_path / "none.toml")


def test_default_config_is_the_papers_rates() -> None:
    config = Config.from_toml(Path("models/swc-44k/config.toml"))
    assert config.hop == 2048
    assert [round(config.kbps(k), 2) for k in (3, 11, 35)] == [0.86, 2.58, 7.75]


def test_bundles_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'nonesuch'"):
        find_bundle("nonesuch")
    with pytest.raises(ModelError, match="0000000000000000"):
        bundle_for(bytes(8))
    (tmp_path / "config.toml").write_text('name = "empty"')
    with pytest.raises(ModelError, match="no weights"):
        find_bundle(tmp_path)


def test_public_names_are_sorted_and_exist() -> None:
    assert swc.__all__ == sorted(swc.__all__)
    assert all(getattr(swc, name) is not None for name in swc.__all__)
