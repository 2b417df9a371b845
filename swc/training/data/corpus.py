"""The training audio: decoded once to int16, kept in memory or on the device, cropped there."""

from __future__ import annotations

import dataclasses
import hashlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from swc.config import GainConfig, ModelConfig
from swc.errors import InputError, SwcError
from swc.files import replacing
from swc.training.data.recordings import NARROW_HZ, Recording, Source, find_sources, load

TABLE = ("samples", "starts", "lengths", "gains", "bandwidths")
CHUNK = 16  # recordings a task of the worker pool
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Corpus:
    """Recordings end to end.

    Attributes:
        samples: int16 (total,), on the training device where they fit there, else on the CPU.
        starts, lengths: of each recording (n,), int64 on the CPU.
        gains: dB that bring each recording to the target level (n,).
        bandwidths: Hz (n,).
        sample_rate: Hz.
        device: that crops and recordings come out on.
    """

    samples: Tensor
    starts: Tensor
    lengths: Tensor
    gains: Tensor
    bandwidths: Tensor
    sample_rate: int
    device: torch.device = CPU

    @property
    def hours(self) -> float:
        return int(self.lengths.sum()) / self.sample_rate / 3600

    def to(self, device: torch.device, *, samples: bool = True) -> Corpus:
        """The same corpus for training on a device; its samples move there too, unless they are too many."""
        return dataclasses.replace(self, samples=self.samples.to(device) if samples else self.samples, device=device)

    def crops(
        self,
        count: int,
        length: int,
        generator: torch.Generator,
        *,
        gain_db: tuple[float, float] = (0.0, 0.0),
        narrow_weight: float = 1.0,
    ) -> Tensor:
        """Random level-normalised crops, float32 (count, length) on the device.

        Every second of audio is equally likely, except that recordings without content above 11 kHz count
        `narrow_weight` times. Recordings shorter than a crop are followed by silence.

        Args:
            generator: CPU generator; the same state gives the same crops.
            gain_db: range of a random gain around the normalised level.
        """
        room = (self.lengths - length).clamp_min(0)
        weight = (room + length).double() * torch.where(self.bandwidths < NARROW_HZ, narrow_weight, 1.0)
        edges = weight.cumsum(0)
        draw = torch.rand(count, generator=generator, dtype=torch.float64) * edges[-1]
        which = torch.searchsorted(edges, draw).clamp_max(len(edges) - 1)
        offset = (torch.rand(count, generator=generator, dtype=torch.float64) * (room[which] + 1)).long()
        low, high = gain_db
        db = self.gains[which] + low + (high - low) * torch.rand(count, generator=generator)
        start, left, factor = (
            v.to(self.samples.device, non_blocking=True)[:, None]
            for v in (self.starts[which] + offset, self.lengths[which] - offset, (10 ** (db / 20)).float() / 32768)
        )
        position = torch.arange(length, device=self.samples.device)[None]
        index = (position + start).clamp_max(len(self.samples) - 1)
        return (self.samples[index].float() * (factor * (position < left))).to(self.device)

    def recording(self, index: int, gain_db: float = 0.0) -> Tensor:
        """A whole recording, float32 (samples,) on the device, `gain_db` above the normalised level."""
        start, length = int(self.starts[index]), int(self.lengths[index])
        factor = 10 ** ((float(self.gains[index]) + gain_db) / 20) / 32768
        return (self.samples[start : start + length].float() * factor).to(self.device)

    def save(self, path: Path, made_from: str) -> None:
        """Keep the decoded corpus in one safetensors file."""
        tensors = {name: getattr(self, name).cpu().contiguous() for name in TABLE}
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata={"made_from": made_from})

    @classmethod
    def load(cls, path: Path, sample_rate: int, made_from: str) -> Corpus:
        """Read what `save` wrote.

        Raises:
            InputError: not such a file, or one made from other recordings or settings.
        """
        try:
            with safe_open(path, "pt") as file:
                same = (file.metadata() or {}).get("made_from") == made_from
                tensors = {name: file.get_tensor(name) for name in TABLE} if same else {}
        except (OSError, SafetensorError) as e:
            raise InputError(f"{path} is not a corpus cache: {e}; remove it, or give `cache` another name") from None
        if not same:
            raise InputError(f"{path} was made from other recordings or settings; remove it, or give another `cache`")
        return cls(**tensors, sample_rate=sample_rate)


def load_corpus(
    folder: Path,
    config: ModelConfig,
    *,
    workers: int,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    failed: Callable[[str], None] | None = None,
) -> Corpus:
    """Decode a folder of audio (any format that `swc encode` reads, and tar shards) to memory.

    Args:
        config: its sample rate and gain.
        workers: processes that decode.
        cache: a file to read the decoded corpus from, or to write it to.
        progress: called with recordings decoded so far and in all.
        failed: called with a message for each recording that cannot be used; it is left out.

    Raises:
        InputError: no readable audio, or a cache of something else.
        SwcError: a process that decodes died.
    """
    sources = find_sources(folder)
    files = [(s.name.name, s.offset, s.size, s.file_size) for s in sources]
    identity = repr((files, config.sample_rate, dataclasses.astuple(config.gain)))
    made_from = hashlib.sha256(identity.encode()).hexdigest()
    if cache is not None and cache.exists():
        return Corpus.load(cache, config.sample_rate, made_from)
    work = partial(_load, sample_rate=config.sample_rate, config=config.gain)
    recordings: list[Recording] = []
    with _mapper(workers if len(sources) > 2 * CHUNK else 1) as mapper:
        for done, recording in enumerate(mapper(work, sources), 1):
            if isinstance(recording, Recording):
                recordings.append(recording)
            elif failed is not None:
                failed(recording)
            if progress is not None and (done % CHUNK == 0 or done == len(sources)):
                progress(done, len(sources))
    if not recordings:
        raise InputError(f"none of the {len(sources)} audio files in {folder} could be read")
    lengths = torch.tensor([len(r.samples) for r in recordings])
    corpus = Corpus(
        torch.from_numpy(np.concatenate([r.samples for r in recordings])),
        lengths.cumsum(0) - lengths,
        lengths,
        torch.tensor([r.gain / 256 for r in recordings]),
        torch.tensor([r.bandwidth for r in recordings], dtype=torch.float64),
        config.sample_rate,
    )
    if cache is not None:
        corpus.save(cache, made_from)
    return corpus


def _load(source: Source, sample_rate: int, config: GainConfig) -> Recording | str:
    """The recording, or the reason why it cannot be used: an exception would end the work of a pool."""
    try:
        return load(source, sample_rate, config)
    except InputError as error:
        return str(error)


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterator[Recording | str]]]:
    """`map` over a pool of processes, or in this one."""
    if workers == 1:
        yield map
        return
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield partial(pool.map, chunksize=CHUNK)
    except BrokenProcessPool:
        raise SwcError("a process that decodes died, perhaps out of memory; cut long recordings into parts") from None
    finally:
        pool.shutdown(cancel_futures=True)
