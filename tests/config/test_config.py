"""Configs: frozen data that rejects what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from swc.config import Config
from swc.errors import InputError

SHIPPED = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
MODEL = 'name = "x"\n[backbone]\nkind = "spectral"\n{}\n[quantizer]\nkind = "revq"\n{}\n'


def model(backbone: str = "", quantizer: str = "") -> str:
    return MODEL.format(backbone, quantizer)


def conv(backbone: str) -> str:
    return model(backbone).replace("spectral", "conv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 3\n" + model(), "unknown key 'colour'"),
        (model("dims = 3"), "unknown key 'dims'"),
        (model('dim = "wide"'), "must be int"),
        ('name = "x"\nbackbone = 3', "must be a table"),
        ('name = "x"\n[backbone]\ndim = 3', "kind is missing; known are conv, spectral, sq"),
        ('name = "x"\n[backbone]\nkind = "wave"', "kind must be one of conv, spectral, sq, not 'wave'"),
        (model().replace("revq", "vq"), "kind must be one of fsq, revq, vrvq, not 'vq'"),
        (model() + "[training]\ngain_db = [1]", "must have 2 values"),
        ("training = 3\n" + model(), "must be a table"),
        (model().replace("name", "sample_rate").replace('"x"', "3"), "name"),
        ("name = ", "not a TOML file"),
        (model("frame_hop = 0"), "frame_hop must be at least 1"),
        (model("n_fft = 500"), "multiple of 2 frame_hop"),
        (model("exponent = nan"), "exponent"),
        (model("kernel = 6"), "odd"),
        (model("causal = true\nrefine_blocks = 1"), "a causal backbone has no refiner"),
        ("live_window = 2\n" + model(), "live_window needs a causal backbone"),
        (model("latent_dim = 999"), "latent_dim"),
        (model("refine_blocks = -1"), "refine_blocks must be at least 0"),
        (model("refine_blocks = 1\nn_fft = 520\nframe_hop = 130"), "multiple of 16 to be refined"),
        (conv("strides = [2, 1]"), "strides must be 2 or more each"),
        (conv("strides = [8]"), "encoder_widths must have one number more than strides"),
        (conv("stem = 3"), "stem must be an even number"),
        (conv("dim = 3"), "unknown key 'dim'"),
        (model(quantizer="codebook_bits = 17"), "codebook_bits"),
        (model(quantizer="codebook_dim = 8\npredictive = true"), "predictive codes cannot be projected"),
        (model(quantizer="routed = 0"), "routed must be at least 1"),
        (model() + '[[training.stages]]\nkind = "magnitud"', "kind must be one of"),
        (model() + '[[training.stages]]\nkind = "distil"', "needs a teacher"),
        (model() + "[training]\nspeed = [1.2, 0.9]", "speed must be two rising numbers"),
        (model() + "[training]\nspeed_share = 1.5", "speed_share must be 0 to 1"),
    ],
)
def test_configs_reject_what_they_do_not_know(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Config.from_toml(path)
    with pytest.raises(InputError, match="no config file"):
        Config.from_toml(tmp_path / "none.toml")


def test_bundled_config_has_the_papers_rates() -> None:
    config = Config.from_toml(Path("models/swc-44k/config.toml")).model
    window, layout = config.quantizer.window, config.quantizer.layout
    codes = [size - layout.sizes(window)[0] for size in layout.sizes(window)]
    assert config.hop == 2048
    shared = codes[1]
    assert [round((shared + codes[k]) / window * config.latent_rate / 1000, 2) for k in (3, 11, 35)] == [
        0.86,
        2.58,
        7.75,
    ]


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "configs").glob("*.toml")), ids=lambda path: path.stem
)
def test_the_configs_that_come_with_it_load(path: Path) -> None:
    assert Config.from_toml(path).model.name == path.stem


def test_live_audio_of_the_shipped_config_is_60_ms_late() -> None:
    config = Config.from_toml(Path(__file__).parents[2] / "configs" / "swc-24k-live.toml").model
    assert config.live_latency == pytest.approx(0.060)
