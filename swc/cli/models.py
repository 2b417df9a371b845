"""swc models: the installed bundles, and their decoders as files for machines without torch."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swc.cli.guard import guarded, say, tell
from swc.cli.options import Force, Json, Quiet, complete_model, size_text
from swc.cli.summary import show
from swc.codec.options import DEFAULT_MODEL
from swc.errors import InputError, SwcError
from swc.files import PIPE, is_special, open_output

if TYPE_CHECKING:
    from swc.bundle import Bundle
    from swc.config import ModelConfig

models = typer.Typer(
    name="models",
    help="List the installed models, or export one.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@models.callback()
@guarded
def listing(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
) -> None:
    """List the installed models, or export one."""
    if context.invoked_subcommand:
        return
    from swc.bundle import list_bundles

    rows = [facts(bundle) for bundle in list_bundles()]
    if as_json:
        tell(json.dumps(rows))
        return
    for row in rows:
        low, high = (f"{kbps:.2f}" for kbps in row["kbps"])
        tell(row["name"])
        tell(f"  family       {row['family']}")
        tell(f"  audio        {row['sample_rate']} Hz, {row['latent_rate']:.2f} latents/s")
        tell(f"  codebooks    {row['codebooks']}, {low if low == high else f'{low} to {high}'} kbit/s a channel")
        tell(f"  size         {row['parameters'] / 1e6:.1f} M parameters, {size_text(row['bytes'])}")
        tell(f"  fingerprint  {row['fingerprint']}")
        if row["base"]:
            tell(f"  base         encoder and decoder of {row['base']}, not counted above")
        live = row["live_latency_seconds"]
        tell(
            f"  latency      {row['latency_seconds']:.2f} s algorithmic, encoder and decoder"
            + ("" if live is None else f"; {1000 * live:.0f} ms with --live, at {row['sample_rate']} Hz")
        )
        if row["macs"]:
            encode, decode = (f"{number / 1e9:.2f}" for number in row["macs"].values())
            tell(f"  work         {encode} + {decode} G multiply-accumulates a second of audio, encoder + decoder")
        if row["speed"]:
            encode, decode = (f"{times:.1f}" for times in row["speed"].values())
            tell(f"  speed        {encode} x real time encoding, {decode} decoding, on a core of {row['processor']}")
        if row["scores"]:
            means = ", ".join(f"{name} {value}" for name, value in row["scores"]["means"].items())
            tell(f"  scores       {means}, at {row['scores']['kbps']} kbit/s; docs/models.md tells of what")
        tell(f"  path         {row['path']}")
    if not rows:
        say("no models are installed; reinstall swc, whose package contains the default one")


@models.command("export")
@guarded
def export(
    model: Annotated[
        str, typer.Argument(metavar="NAME", help="A bundle's name or folder.", autocompletion=complete_model)
    ] = DEFAULT_MODEL,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="- for stdout.  [default: NAME.onnx, here]"),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a decoder that needs no torch.

    The file is an ONNX model; on a machine without torch, decode with it: swc decode --model FILE IN
    """
    from swc.bundle import find_bundle

    bundle = find_bundle(model)
    target = output or f"{bundle.name}.onnx"
    _check_target(target, force)
    from swc.codec.export import export_onnx

    with open_output(target) as fp:
        export_onnx(bundle, fp)
    done = {"model": bundle.name, "output": target, "bytes": fp.size, "fingerprint": bundle.fingerprint.hex()}
    show(done, target, [f"{size_text(fp.size)}, the decoder of {bundle.name}"], quiet=quiet, as_json=as_json)


def _check_target(target: str, force: bool) -> None:
    """Refuse, before the work, a name that no decoder takes, or to overwrite a file."""
    if target == PIPE or is_special(target):
        return
    if not target.endswith(".onnx"):
        raise InputError(f"{target} is not named as an ONNX file, and could not be decoded with; end its name in .onnx")
    if os.path.lexists(target) and not force:
        raise InputError(f"{target} exists already; name another output, or add --force to overwrite it")


def facts(bundle: Bundle) -> dict[str, Any]:
    """What `swc models` says of a bundle."""
    config, quantizer, layout = bundle.config, bundle.config.quantizer, bundle.config.quantizer.layout
    bounds = layout.bounds(quantizer.window)
    return {
        "name": bundle.name,
        "path": str(bundle.path),
        "sample_rate": config.sample_rate,
        "latent_rate": config.latent_rate,
        "family": layout.name,
        "codebooks": str(layout),
        **layout.fields(),
        "kbps": [bits / quantizer.window * config.latent_rate / 1000 for bits in bounds],
        "parameters": bundle.parameters,
        "bytes": bundle.weights.stat().st_size,
        "fingerprint": bundle.fingerprint.hex(),
        "base": _base(bundle),
        "latency_seconds": _latency(config),
        "live_latency_seconds": config.live_latency,
        **{name: bundle.measured.get(name) for name in ("macs", "speed", "processor", "scores")},
    }


def _base(bundle: Bundle) -> str | None:
    """The name of the bundle that gives what this one's weights lack, or what is wrong with it."""
    try:
        return bundle.base.name if bundle.base else None
    except SwcError as error:
        return f"a model that is missing ({error})"


def _latency(config: ModelConfig) -> float:
    """The most seconds of audio that must have gone in before a sample comes out.

    The level is set by the first seconds (fewer with --lookahead). After that a sample waits for its chunk and three
    more: the decoder's networks reach into the next one, the overlap of its windows into the one after, and if rates
    differ the resampling filter into the last.
    """
    quantizer = config.quantizer
    chunk = quantizer.window * quantizer.windows_per_chunk / config.latent_rate
    return max(4 * chunk, config.gain.lookahead)
