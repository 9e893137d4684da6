"""
Encode a video smaller with ffmpeg, so that a person sees the same; open files in, an open file out.

MP4 and QuickTime files stay what they are: the picture is encoded anew as H.264, the sound is copied. What
would change its look or lose a part of it is left alone: more than 8 bits per colour, HDR, interlaced
pictures, subtitles, several pictures or sounds. The result is decoded and held against the source before
anybody gets it.

ffmpeg gets its two files as open descriptors, so no path is followed, and it may neither look for the kind
of the file by itself nor open any other: a playlist that poses as a video leads nowhere.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from actions.images.encoding import LeftAlone
from storekeeper import processes
from storekeeper.errors import ConfigurationError

VIDEO_SUFFIXES: Final = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv")
MUXERS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}
"""The files that are encoded anew, each with ffmpeg's word for its kind."""

_PLAIN_PIXELS: Final = ("yuv420p", "yuvj420p")
_HDR: Final = ("smpte2084", "arib-std-b67")
_SAME_LOOK: Final = 0.9
"""The least structural similarity (SSIM, 1 is equal) of the result to its source."""
_POLL_SECONDS: Final = 0.2
_INPUT: Final = ("-protocol_whitelist", "file", "-f", "mov", "-i")
# The files are our child's standard input and output; to open them there by name is to open the same files.
_SOURCE: Final = "file:/dev/fd/0"
_MADE: Final = "file:/dev/fd/1"


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What ffprobe says of the picture: edges in pixels as a person sees them, seconds, frames."""

    edges: tuple[int, int]
    seconds: float
    frames: int
    sounds: int


def require_ffmpeg() -> None:
    """Raise ConfigurationError where ffmpeg is missing or cannot be given open files."""
    if sys.platform == "win32":
        raise ConfigurationError(
            "videos cannot be encoded safely on Windows",
            hint="Run it on Linux or macOS, or leave --videos out",
        )
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        raise ConfigurationError(
            "to encode videos ffmpeg is needed, which is not installed",
            hint="apt-get install ffmpeg, or leave --videos out",
        )


def check_video(source: IO[bytes]) -> None:
    """Look at the headers of a video; raises LeftAlone where it cannot be encoded without loss of a part."""
    streams = _probe(source)["streams"]
    pictures = [stream for stream in streams if stream.get("codec_type") == "video"]
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio"]
    if len(pictures) != 1 or len(sounds) > 1 or len(streams) != len(pictures) + len(sounds):
        raise LeftAlone("it holds more than one picture and one sound")
    (picture,) = pictures
    if picture.get("pix_fmt") not in _PLAIN_PIXELS:
        raise LeftAlone(f"its colours are {picture.get('pix_fmt', 'unknown')}")
    if picture.get("color_transfer") in _HDR:
        raise LeftAlone("its colours are HDR")
    if picture.get("field_order", "progressive") not in ("progressive", "unknown"):
        raise LeftAlone("it is interlaced")


def encode_video(
    source: IO[bytes],
    *,
    muxer: str,
    crf: int,
    limit_bytes: int,
    scratch: Path,
    cancelled: Callable[[], bool],
) -> IO[bytes]:
    """
    Give the video in its new form as an open file without a name in the folder ``scratch``.

    ``crf`` is x264's measure of quality, 0 the best and 51 the worst. Raises LeftAlone for what is not
    smaller than ``limit_bytes``, looks different, or was ``cancelled`` in the middle.
    """
    check_video(source)
    made = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - the caller closes it
    try:
        _ffmpeg(
            "-y", *_INPUT, _SOURCE, "-map", "0:v:0", "-map", "0:a:0?",
            "-c:v", "libx264", "-preset", "medium", "-crf", str(crf), "-pix_fmt", "yuv420p",
            "-fps_mode", "passthrough", "-c:a", "copy", "-movflags", "+faststart",
            # What grows up to the limit is given up there.
            "-fs", str(limit_bytes), "-f", muxer, _MADE,
            source=source, made=made, cancelled=cancelled,
        )  # fmt: skip
        made.seek(0, 2)
        if made.tell() >= limit_bytes:
            raise LeftAlone("the new form saves too little")
        _compare(source, made, cancelled=cancelled)
        made.seek(0)
    except BaseException:
        made.close()
        raise
    return made


def _compare(source: IO[bytes], made: IO[bytes], *, cancelled: Callable[[], bool]) -> None:
    old, new = _facts(source), _facts(made)
    if (old.edges, old.frames, old.sounds) != (new.edges, new.frames, new.sounds):
        raise LeftAlone("the new form does not keep its size, frames and sound")
    if abs(old.seconds - new.seconds) > max(0.2, old.seconds / 100):
        raise LeftAlone("the new form is not as long")
    told = _ffmpeg(
        "-xerror", *_INPUT, _SOURCE, *_INPUT, _MADE,
        "-lavfi", "[0:v:0][1:v:0]ssim", "-f", "null", "-",
        source=source, made=made, cancelled=cancelled, level="info",
    )  # fmt: skip
    likeness = re.search(r"SSIM .*All:([0-9.]+)", told)
    if likeness is None or float(likeness[1]) < _SAME_LOOK:
        raise LeftAlone("the new form looks different")


def _facts(video: IO[bytes]) -> _Facts:
    answer = _probe(video, "-count_packets")
    pictures = [stream for stream in answer["streams"] if stream.get("codec_type") == "video"]
    sounds = [stream for stream in answer["streams"] if stream.get("codec_type") == "audio"]
    try:
        (picture,) = pictures
        width, height = picture["width"], picture["height"]
        turned = any(int(data.get("rotation", 0)) % 180 for data in picture.get("side_data_list", ()))
        return _Facts(
            edges=(height, width) if turned else (width, height),
            seconds=float(answer["format"]["duration"]),
            frames=int(picture["nb_read_packets"]),
            sounds=len(sounds),
        )
    except (KeyError, ValueError) as error:
        raise LeftAlone(f"ffprobe does not tell all of it: {error}") from None


def _probe(video: IO[bytes], *options: str) -> dict[str, Any]:
    words = [
        "ffprobe",
        "-v",
        "error",
        *_INPUT,
        _SOURCE,
        "-of",
        "json",
        "-show_streams",
        "-show_format",
        *options,
    ]
    video.seek(0)
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as errors:
        process = processes.start(words, standard_input=video.fileno(), output=answer, errors=errors)
        if process.wait():
            raise LeftAlone(f"broken: {_read(errors)}")
        answer.seek(0)
        told: dict[str, Any] = json.load(answer)
        return {"streams": [], "format": {}} | told


def _ffmpeg(
    *options: str,
    source: IO[bytes],
    made: IO[bytes],
    cancelled: Callable[[], bool],
    level: str = "error",
) -> str:
    """Run ffmpeg to its end and give its words; raises LeftAlone when it fails or the run is to stop."""
    words: Sequence[str] = ("ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-v", level, *options)
    source.seek(0)
    with tempfile.TemporaryFile() as errors:
        process = processes.start(words, standard_input=source.fileno(), output=made, errors=errors)
        while process.poll() is None:
            if cancelled():
                processes.stop(process)
                raise LeftAlone("the run was stopped")
            try:
                process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        if process.returncode:
            raise LeftAlone(f"broken: {_read(errors)}")
        return _read(errors)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return processes.last_words(file.read())
