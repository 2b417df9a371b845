"""Encodes several recordings together: each gives the same stream, to the byte, as by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray

from swc.audio import CheckedBlocks
from swc.bitstream import Chunk, ChunkSink
from swc.codec.encoder import Request, StreamEncoder
from swc.codec.search import search
from swc.errors import InputError, naming

AT_ONCE = 32  # recordings, and chunks of theirs that are searched at once


@dataclass(frozen=True)
class Job:
    """A recording that is being encoded.

    Attributes:
        encoder: of the recording.
        blocks: its audio.
        sink: the stream, open.
        total_samples: announced; None if unknown.
        name: of the recording, for errors; empty where there is only one.
    """

    encoder: StreamEncoder
    blocks: CheckedBlocks
    sink: ChunkSink
    total_samples: int | None
    name: str

    def finish(self) -> None:
        """End the stream.

        Raises:
            InputError: the recording is not as long as announced.
        """
        if self.total_samples is not None and self.blocks.samples != self.total_samples:
            raise InputError(
                f"{self.blocks.name} has {self.blocks.samples} samples, not the {self.total_samples} it announced; "
                "was it cut off?"
            )
        self.sink.finish(self.blocks.samples)


_Group = tuple[Job, list[Request]]
"""Chunks of equally many latents, which a recording that is encoded by itself searches at once."""


def run(jobs: Iterable[Job]) -> None:
    """Encode recordings to their streams, all with one model and effort.

    On a CPU, chunks of different recordings are searched together. On a GPU recordings are encoded in turn: there, the
    rounding of a matrix product depends on its size in undocumented ways.

    Raises:
        InputError: as `CheckedBlocks` and `Job.finish`.
    """
    waiting = iter(jobs)
    while first := next(waiting, None):
        at_once = AT_ONCE if first.encoder.model.device.type == "cpu" else 1
        _run([first, *islice(waiting, at_once - 1)], at_once)


def _run(jobs: list[Job], at_once: int) -> None:
    """Encode a few recordings: their pending chunks are searched together, `at_once` or a whole group."""
    going = [(job, job.encoder.requests(job.blocks)) for job in jobs]
    while going:
        asked: list[_Group] = []
        for job, requests in tuple(going):
            with naming(job.name):
                some = next(requests, None)
                if some is None:
                    job.finish()
                    going.remove((job, requests))
            alike = groupby(some or (), key=lambda request: request.z.shape)
            asked += [(job, list(group)) for _, group in alike]
        for job, chunk in _chunks(asked, at_once):
            job.sink.write_chunk(chunk)


def _chunks(asked: list[_Group], at_once: int) -> Iterator[tuple[Job, Chunk]]:
    """The results for the requests, in the same order."""
    order = sorted(range(len(asked)), key=lambda i: asked[i][1][0].z.shape[1])  # equal ones take no longer than one
    codes: dict[int, NDArray[np.int64]] = {}
    while order:
        some = [order.pop()]
        while order and sum(len(asked[i][1]) for i in (*some, order[-1])) <= at_once:
            some.append(order.pop())
        encoder = asked[some[0]][0].encoder
        found = search(encoder.model, [asked[i][1] for i in some], encoder.header.window, encoder.effort)
        codes.update(zip(some, found, strict=True))
    for i, (job, group) in enumerate(asked):
        for request, rows in zip(group, codes[i], strict=True):
            yield job, job.encoder.chunk(request, rows)
