"""Chooses the decoder of a file, and looks at the file first: libsndfile believes headers, which lie about lengths."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO, NoReturn

from swc.audio import av, caf, flac, mp3, ogg
from swc.audio.channels import stated_mask
from swc.audio.comments import flac_tags, ogg_tags
from swc.audio.feed import chunks
from swc.audio.formats import FORMATS
from swc.audio.joined import second_start
from swc.audio.notes import Notes
from swc.audio.sound import FedSource, Joined, SoundSource, Source, UnreadableError, open_path, refuse_mixture
from swc.audio.tags import FoundTags, file_tags, named_tags
from swc.errors import InputError

_SURELY_SOUND = 2**14  # bytes that a file of no samples does not have


def open_decoder(file: IO[bytes], path: Path | None, notes: Notes, resources: ExitStack) -> tuple[Source, FoundTags]:
    """A source of the samples in a file, and its tags.

    Args:
        file: a real one, at any position.
        path: of the same file; None where it has none.
        notes: for oddities.
        resources: closed with the reader.

    Raises:
        InputError: no audio, or audio that the installed libraries cannot read to its end.
    """
    opened = _Opening(file, path, notes, resources)
    source = opened.source()
    return source, opened.tags or FoundTags()


class _Opening:
    def __init__(self, file: IO[bytes], path: Path | None, notes: Notes, resources: ExitStack) -> None:
        self._file, self._path, self._notes, self._resources = file, path, notes, resources
        self.tags: FoundTags | None = None

    def source(self) -> Source:
        if streams := flac.survey(self._file):
            return self._flac(streams)
        if pages := ogg.survey(self._file):
            return self._ogg(pages)
        if frames := mp3.survey(self._file):
            return self._mp3(frames)
        return self._other()

    def _flac(self, streams: list[flac.Flac]) -> Source:
        refuse_mixture(self._notes, [(stream.sample_rate, stream.channels) for stream in streams])
        for stream in streams:
            self._check_flac(stream)
        self.tags = flac_tags(self._file, streams[0], self._notes)
        if streams[0].start:  # ID3
            self._file.seek(0)
            ahead = io.BytesIO(self._file.read(streams[0].start))
            self.tags = self.tags.filled(file_tags(ahead, self._notes) or FoundTags())
        total = _sum([stream.counted for stream in streams])
        first = streams[0]
        if len(streams) > 1:
            self._notes.say(
                f"holds {len(streams)} FLAC streams one after the other; all are read, the tags of the first"
            )
        if max(stream.bits for stream in streams) == 32:  # libsndfile has no 32 bits
            if len(streams) > 1:
                raise InputError(f"{self._notes.name} holds several 32-bit FLAC streams; split it first")
            return self._by_av("32-bit FLAC", samples=total)
        if len(streams) == 1 and first.counted in (first.stated, None) and not first.cut:
            try:
                source: SoundSource | Joined = self._open()
            except UnreadableError as error:
                if first.counted is None:
                    self._refuse_flac()
                return self._by_av(str(error), samples=total)
        else:
            source = self._join([partial(self._open_copy, stream) for stream in streams], total)
        source.channel_mask = stated_mask(first.metadata.mask, first.channels)
        return source

    def _check_flac(self, stream: flac.Flac) -> None:
        notes, counted = self._notes, stream.counted
        if counted is None:
            if not stream.stated:
                self._refuse_flac()
            return  # libsndfile will see
        if counted < stream.stated:
            notes.ends_early(counted, stream.stated)
        elif stream.cut:
            notes.lost(f"ends in the middle of a FLAC frame, after {counted} samples: it was cut off or is damaged")
        elif not stream.stated and self._path:
            notes.say(f"does not state its length; {counted} samples were counted")
        elif counted > stream.stated and stream.stated:
            notes.say(f"holds {counted} samples, not {stream.stated} as its header states; all are read")

    def _refuse_flac(self) -> NoReturn:
        raise InputError(f"{self._notes.name} holds no FLAC frames: it was cut off or is damaged; fetch it again")

    def _open_copy(self, stream: flac.Flac) -> SoundSource:
        """A temporary copy of a FLAC stream, with its number of samples corrected."""
        copy = self._resources.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        for data in chunks(self._file, [(stream.start, stream.stop)]):
            copy.write(data)
        copy.seek(0)
        head = stream.patched_head(copy.read(26))
        copy.seek(0)
        copy.write(head)
        copy.seek(0)
        return SoundSource(copy.fileno(), self._notes)

    def _ogg(self, pages: ogg.Survey) -> Source:
        notes = self._notes
        heard = [[stream for stream in link if stream.codec != "other"] for link in pages.links]
        if not all(heard) or not heard:
            return self._by_av("Ogg of another kind than Vorbis and Opus")
        if max(map(len, heard)) > 1:
            notes.say(f"holds {max(map(len, heard))} streams of audio side by side; the first is used")
        streams = [link[0] for link in heard]
        if len(streams) > 1:
            notes.say(f"holds {len(streams)} Ogg streams one after the other; all are read, the tags of the first")
        if pages.cut:
            notes.lost("ends in the middle of an Ogg page: it was cut off or is damaged")
        elif not streams[-1].ended:
            notes.say("has no end marker; it may have been cut off")
        if pages.junk:
            notes.say(f"holds {pages.junk} bytes outside of Ogg pages, which are skipped")
        refuse_mixture(notes, [(stream.sample_rate, stream.channels) for stream in streams])
        self.tags = ogg_tags(self._file, streams[0], notes)
        if len(streams) == 1 and len(pages.links[0]) == 1:
            try:
                source: SoundSource | Joined = self._open(streams[0].xiph_order)
            except UnreadableError:
                return self._by_av("Ogg of this kind")
        else:
            source = self._join([partial(self._feed_ogg, stream) for stream in streams], None)
        return source

    def _feed_ogg(self, stream: ogg.Stream) -> SoundSource:
        return FedSource(self._file, stream.ranges, self._notes, xiph_order=stream.xiph_order)

    def _mp3(self, frames: mp3.Survey) -> Source:
        notes, streams = self._notes, frames.streams
        refuse_mixture(notes, [(stream.frame.sample_rate, stream.frame.channels) for stream in streams])
        if len(streams) > 1:
            notes.say(f"holds {len(streams)} MP3 streams one after the other; all are read, the tags of the first")
        for stream in streams:
            if stream.stated is not None and stream.frames < stream.stated - 1:
                notes.ends_early(stream.samples, stream.stated * stream.frame.samples)
            elif stream.stated is not None and stream.frames > stream.stated:
                notes.say(f"holds {stream.frames} frames, not {stream.stated} as its header states; all are read")
        if frames.junk:
            notes.say(f"holds {frames.junk} bytes outside of complete MP3 frames, which are skipped")
        if len(streams) == 1 and not frames.junk and streams[0].is_plain:  # libmpg123 would report others on stderr
            self.tags = all_tags(self._file, self._path, notes)
        else:
            self.tags = file_tags(self._file, notes)
        openers = [partial(self._feed_mp3, stream) for stream in streams if stream.frames]
        if not openers:
            raise InputError(f"{notes.name} holds an MP3 header and no audio; fetch it again")
        return self._join(openers, sum(stream.samples for stream in streams))

    def _feed_mp3(self, stream: mp3.Stream) -> SoundSource:
        return FedSource(self._file, stream.ranges, self._notes, skip=stream.skip, samples=stream.samples)

    def _join(self, openers: Sequence[partial[SoundSource]], total: int | None) -> Joined:
        try:
            return Joined(openers, self._notes, self._resources, total)
        except UnreadableError as error:
            raise InputError(f"{self._notes.name} is not audio that swc can read ({error})") from None

    def _open(self, xiph_order: bool = False) -> SoundSource:
        with ExitStack() as opening:
            source = open_path(self._path, self._file, self._notes, opening, xiph_order)
            self._resources.push(opening.pop_all())
        return source

    def _other(self) -> Source:
        if (second := second_start(self._file)) is not None:
            self._notes.lost(f"continues with another file at byte {second}, which is not read", "split it first")
        found, texts = file_tags(self._file, self._notes), caf.texts(self._file)
        with ExitStack() as opening:
            try:
                source = open_path(self._path, self._file, self._notes, opening)
            except UnreadableError as error:
                reason = str(error)
            else:
                reason = self._distrust(source)
                if not reason:
                    self._resources.push(opening.pop_all())
                    self._check_bytes(source.lacks())
                    self.tags = (found or named_tags(texts)).filled(source.tags)
                    return source
        self._check_bytes(caf.lacks(self._file))
        if reason == "MP3" and (frames := mp3.survey(self._file, anywhere=True)):
            return self._mp3(frames)
        return self._by_av(reason)

    def _distrust(self, source: SoundSource) -> str:
        """Why libsndfile's length cannot be trusted; empty if it can."""
        if source.sound.format in ("MP3", "FLAC", "OGG"):  # damaged at its start, or it would have been recognised
            return str(source.sound.format)
        if source.sound.subtype.startswith("MPEG"):
            return "MP3 in another format"
        if not source.total_samples and os.fstat(self._file.fileno()).st_size > _SURELY_SOUND:
            return "its header states no samples"
        return ""

    def _check_bytes(self, lacks: tuple[int, int] | None) -> None:
        if lacks is not None:
            fact = "ends after {} of the {} bytes of audio that its header states: it was cut off or is damaged"
            self._notes.lost(fact.format(*lacks))

    def _by_av(self, reason: str, samples: int | None = None) -> Source:
        """PyAV's source, or InputError with other advice."""
        installed = av.is_installed()
        if installed:
            found = file_tags(self._file, self._notes) or FoundTags()
            with suppress(UnreadableError):
                source = av.AvSource(self._file, self._resources, self._notes, samples)
                self.tags = self.tags or found.filled(source.tags)
                return source
        more = "" if installed else f", or {av.INSTALL}"
        raise InputError(
            f"{self._notes.name} is not audio that swc can read ({reason}); it reads {FORMATS}, "
            f"convert other kinds first: ffmpeg -i IN out.wav{more}"
        )


def spooled(head: bytes, pipe: IO[bytes], resources: ExitStack) -> IO[bytes]:
    """All of a pipe, of which `head` was read already, in a temporary, seekable file."""
    spool = resources.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
    spool.write(head)
    shutil.copyfileobj(pipe, spool)
    return resources.enter_context(io.BufferedReader(spool))


def all_tags(file: IO[bytes], path: Path | None, notes: Notes) -> FoundTags:
    """The tags that tinytag finds in a file, and those that only libsndfile finds, such as track numbers of vinyl."""
    found = file_tags(file, notes) or FoundTags()
    with suppress(UnreadableError), ExitStack() as stack:
        return found.filled(open_path(path, file, Notes(""), stack).tags)
    return found


def _sum(counts: Sequence[int | None]) -> int | None:
    return None if None in counts else sum(count for count in counts if count is not None)
