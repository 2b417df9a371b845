"""Configs of tiny models and synthetic audio, for fixtures and tests."""

from __future__ import annotations

import numpy as np

TINY = """\
name = "tiny"
sample_rate = 16000

[backbone]
kind = "spectral"
n_fft = 512
frame_hop = 128
mels = 40
latent_dim = 16
dim = 32
encoder_blocks = 1
decoder_blocks = 1

[quantizer]
kind = "revq"
routed = 5
codebook_bits = 6
window = 20
windows_per_chunk = 2
predictive = true

[training]
crop_latents = 16
nominal_k = 2
init_seconds = 20.0
codebook_horizon = 20.0
drps_every = 5

[[training.stages]]
kind = "magnitude"
steps = 12
batch = 4
warmup = 2

[[training.stages]]
kind = "waveform"
steps = 6
batch = 4
warmup = 2
"""

TINY_SQ = """\
name = "tiny-sq"
sample_rate = 16000

[backbone]
kind = "sq"
latent_dim = 32
features_per_latent = 2
strides = [8, 5]
widths = [4, 8, 16]
depths = [1, 1, 1]
rates = [5, 4, 2]
decoder_widths = [16, 12, 8, 4]
decoder_depths = [1, 1, 1]
span = 3

[quantizer]
kind = "fsq"
levels = [7, 5, 3]
features_per_latent = 2
window = 40
windows_per_chunk = 2
layers = 1
fine_layers = 1
heads = 2
head_dim = 8

[training]
crop_latents = 40

[training.discriminators]
spectral = "mrd"
spectral_widths = [4]
periods = [2, 3]
period_widths = [4, 4]
every = 3

[[training.stages]]
kind = "listed"
steps = 8
batch = 2
policy = "one-cycle"

[[training.stages.losses]]
kind = "elementwise"
weight = 100.0

[[training.stages.losses]]
kind = "spectrogram"

[[training.stages.losses]]
kind = "adversarial"
most = 10.0
"""

REFINED = TINY.replace("decoder_blocks = 1", "decoder_blocks = 1\nrefine_blocks = 2\nrefine_dim = 8")

CONV = """\
name = "tiny-conv"
sample_rate = 16000

[backbone]
kind = "conv"
latent_dim = 16
stem = 16
strides = [2, 4]
encoder_widths = [8, 12, 16]
decoder_widths = [16, 12, 8]
dilations = [1, 3]

[quantizer]
kind = "revq"
routed = 5
codebook_bits = 6
codebook_dim = 4
window = 20
windows_per_chunk = 2

[training]
weight_norm = true
crop_latents = 20
nominal_k = 2
init_seconds = 5.0
codebook_horizon = 20.0
drps_every = 5

[[training.stages]]
kind = "waveform"
steps = 12
batch = 2
warmup = 2
learning_rate = 5e-3
"""

FSQ_RECIPE = """
crop_windows = 2

[[training.stages]]
kind = "listed"
steps = 8
batch = 4
warmup = 2
learning_rate = 2e-3

[[training.stages.losses]]
kind = "magnitude"
weight = 40.0

[[training.stages.losses]]
kind = "mel"
weight = 15.0

[[training.stages]]
kind = "gains"
steps = 2
batch = 2

[[training.stages]]
kind = "sharpness"
steps = 1
"""

LIVE = """\
name = "tiny-live"
sample_rate = 16000
live_window = 2

[backbone]
kind = "spectral"
causal = true
n_fft = 512
frame_hop = 128
mels = 40
frames_per_latent = 2
latent_dim = 16
dim = 16
encoder_blocks = 1
decoder_blocks = 1

[quantizer]
kind = "revq"
routed = 5
codebook_bits = 6
window = 12
windows_per_chunk = 2
"""

VRVQ_RECIPE = """
crop_windows = 2

[[training.stages]]
kind = "codebooks"
steps = 2

[[training.stages]]
kind = "importance"
steps = 8
batch = 4
warmup = 2
rate_weight = 3.0
learning_rate = 1e-3
"""


def tiny_vrvq(base: str) -> str:
    """The config of a model of family vrvq, on the encoder and decoder of the tiny one, whose fingerprint is `base`."""
    model, training = TINY.split('[[training.stages]]\nkind = "magnitude"')[0].split("[training]")
    model = model.replace('name = "tiny"', f'name = "tiny-vrvq"\nbase = "{base}"')
    quantizer = 'kind = "vrvq"\ncodebooks = 6\ndim = 16\nblocks = 1'
    return model.replace('kind = "revq"\nrouted = 5', quantizer) + "[training]" + training + VRVQ_RECIPE


def tiny_fsq() -> str:
    """The config of a model of family fsq with the networks of the tiny one."""
    model, training = TINY.split('[[training.stages]]\nkind = "magnitude"')[0].split("[training]")
    model = model.replace('name = "tiny"', 'name = "tiny-fsq"').replace("predictive = true\n", "")
    quantizer = 'kind = "fsq"\nlevels = [7, 5, 3]\nlayers = 1\nheads = 2\nhead_dim = 8'
    return (
        model.replace('kind = "revq"\nrouted = 5\ncodebook_bits = 6', quantizer) + "[training]" + training + FSQ_RECIPE
    )


def tones(seconds: float, rate: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Gliding harmonic tones with pauses and a little noise, float32 (samples, channels)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    t = np.arange(n) / rate
    columns = []
    for _ in range(channels):
        f = 120 * 2 ** rng.uniform(0, 2) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.2, 1) * t))
        phase = 2 * np.pi * np.cumsum(f) / rate
        x = sum(np.sin(k * phase) / k for k in range(1, 8))
        gate = (np.sin(2 * np.pi * rng.uniform(0.4, 1.2) * t + rng.uniform(0, 6)) > -0.6).astype(float)
        columns.append(0.1 * x * gate + 0.002 * rng.standard_normal(n))
    return np.stack(columns, 1).astype(np.float32) if n else np.zeros((0, channels), np.float32)
