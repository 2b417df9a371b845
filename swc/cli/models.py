"""swc models: the installed bundles."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.guard import say, tell
from swc.cli.options import size_text

if TYPE_CHECKING:
    from swc.bundle import Bundle
    from swc.config import ModelConfig


def models(
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
) -> None:
    """List the installed models."""
    from swc.bundle import list_bundles

    rows = [_facts(bundle) for bundle in list_bundles()]
    if as_json:
        tell(json.dumps(rows))
        return
    for row in rows:
        low, high = row["kbps"]
        tell(row["name"])
        tell(f"  audio        {row['sample_rate']} Hz, {row['latent_rate']:.2f} latents/s")
        tell(f"  codebooks    {row['codebooks']}, {low:.2f} to {high:.2f} kbit/s a channel")
        tell(f"  size         {row['parameters'] / 1e6:.1f} M parameters, {size_text(row['bytes'])}")
        tell(f"  fingerprint  {row['fingerprint']}")
        tell(f"  latency      {row['latency_seconds']:.2f} s algorithmic, encoder and decoder")
        tell(f"  path         {row['path']}")
    if not rows:
        say("no models are installed; reinstall swc, whose package contains the default one")


def _facts(bundle: Bundle) -> dict[str, Any]:
    config, quantizer, layout = bundle.config, bundle.config.quantizer, bundle.config.quantizer.layout
    sizes = layout.sizes(quantizer.window)
    return {
        "name": bundle.name,
        "path": str(bundle.path),
        "sample_rate": config.sample_rate,
        "latent_rate": config.latent_rate,
        "family": layout.name,
        "codebooks": str(layout),
        **layout.fields(),
        "kbps": [sizes[end] / quantizer.window * config.latent_rate / 1000 for end in (0, -1)],
        "parameters": bundle.parameters,
        "bytes": bundle.weights.stat().st_size,
        "fingerprint": bundle.fingerprint.hex(),
        "latency_seconds": _latency(config),
    }


def _latency(config: ModelConfig) -> float:
    """The most seconds of audio that must have gone in before a sample comes out.

    The level is set by the first seconds (fewer with --lookahead). After that a sample waits for its chunk and three
    more: the decoder's networks reach into the next one, the overlap of its windows into the one after, and if rates
    differ the resampling filter into the last.
    """
    quantizer = config.quantizer
    chunk = quantizer.window * quantizer.windows_per_chunk / config.latent_rate
    return max(4 * chunk, config.gain.lookahead)
