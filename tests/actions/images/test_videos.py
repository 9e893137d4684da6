"""Videos in a real shop, encoded anew by the real ffmpeg."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.optimize_images import OptimizeImages
from storekeeper.errors import ConfigurationError

ACTION = OptimizeImages()
HERE = {"below": "optimize", "over": "1KB", "videos": True}


class Films:
    """Makes films, and slides that name them."""

    def __init__(self, keeper: Any) -> None:
        self._keeper = keeper

    def add(self, name: str, *options: str, seconds: int = 1) -> Path:
        """Write a film of moving noise with a tone, larger than need be, and name it by a slide."""
        path: Path = self._keeper.write(f"optimize/{name}", days=3)
        given = options or ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "4", "-pix_fmt", "yuv420p")
        source = ["-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=25:duration={seconds}"]
        source += ["-f", "lavfi", "-i", f"sine=duration={seconds}"]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *given, path], check=True)
        self._keeper.shop.evaluate(
            "from app.models import HeroSlide\nfrom django.utils import timezone\n"
            f"HeroSlide.objects.create(video={f'optimize/{name}'!r}, image='x.png',"
            " starts_at=timezone.now())\n"
            "result = 1"
        )
        return path

    def names(self) -> list[str]:
        names: list[str] = self._keeper.shop.evaluate(
            "from app.models import HeroSlide\n"
            "result = list(HeroSlide.objects.filter(video__startswith='optimize/').order_by('pk')"
            ".values_list('video', flat=True))"
        )
        return names


@pytest.fixture
def keeper(make_keeper: Callable[..., Any]) -> Any:
    return make_keeper(orders=3)


@pytest.fixture
def films(keeper: Any) -> Films:
    return Films(keeper)


def streams(path: Path) -> list[tuple[str, str, int, str]]:
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-count_packets", path],
        check=True,
        capture_output=True,
    )
    return [
        (one["codec_name"], one["codec_type"], one.get("width", 0), one["nb_read_packets"])
        for one in json.loads(told.stdout)["streams"]
    ]


def test_a_video_gets_smaller_and_its_row_follows(keeper: Any, films: Films) -> None:
    """The same frames and the same sound in a smaller file; the original stays, --undo brings it back."""
    path = films.add("វីដេអូ.mp4")
    content = path.read_bytes()
    told = keeper.plan(ACTION, **HERE)
    plan, outcome = keeper.run(ACTION, **HERE)
    assert told.as_json() == plan.as_json()
    (name,) = films.names()
    made = keeper.media / name
    assert (outcome.changed, name, path.read_bytes()) == (1, plan.images[0].name, content)
    assert streams(made) == streams(path)
    assert made.stat().st_size <= plan.images[0].size_bytes < len(content)
    assert made.stat().st_size == outcome.details["new_bytes"]
    assert keeper.plan(ACTION, **HERE).empty
    keeper.run(ACTION, undo="latest")
    assert films.names() == ["optimize/វីដេអូ.mp4"]


def test_what_does_not_get_smaller_stays(keeper: Any, films: Films) -> None:
    """What is small already is encoded, compared and dropped; no file is left of the attempt."""
    films.add("small.mp4", "-c:v", "libx264", "-crf", "40", "-pix_fmt", "yuv420p")
    before = keeper.files()
    _, outcome = keeper.run(ACTION, crf=10, **HERE)
    assert (outcome.changed, keeper.files(), films.names()) == (0, before, ["optimize/small.mp4"])
    assert outcome.details["left"] == {"optimize/small.mp4": "the new form saves too little"}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("-c:v", "libx264", "-pix_fmt", "yuv420p10le"), "its colours are yuv420p10le"),
        (("-c:v", "libx264", "-pix_fmt", "yuv420p", "-flags", "+ilme+ildct"), "it is interlaced"),
        (
            ("-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
            "it holds more than one picture and one sound",
        ),
    ],
)
def test_what_would_lose_a_part_stays(keeper: Any, films: Films, options: tuple[str, ...], why: str) -> None:
    """A plan says so from the headers alone."""
    films.add("film.mp4", *options)
    plan = keeper.plan(ACTION, **HERE)
    assert (plan.empty, [(one.file.name, one.why) for one in plan.left]) == (
        True,
        [("optimize/film.mp4", why)],
    )


def test_a_playlist_that_poses_as_a_video_leads_nowhere(keeper: Any, films: Films) -> None:
    """ffmpeg may not guess what the file is: nothing that it names is opened."""
    path = films.add("film.mp4")
    secret = path.parent / "secret.mp4"
    shutil.copy(path, secret)
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n" + "#" * 2000)
    plan = keeper.plan(ACTION, **HERE)
    assert plan.empty and plan.left[0].why.startswith("broken: ")


def test_a_cancelled_run_stops_within_a_video(keeper: Any, films: Films) -> None:
    """ffmpeg is ended, and the row names what it named."""
    films.add("film.mp4", seconds=20)
    before = keeper.files()
    options = ACTION.Options(**HERE)
    plan = keeper.plan(ACTION, **HERE)
    asked = iter([False])
    context = replace(keeper.context(), cancelled=lambda: next(asked, True))
    outcome = ACTION.perform(context, options, plan)
    assert outcome.details["left"] == {"optimize/film.mp4": "the run was stopped"}
    assert (keeper.files(), films.names()) == (before, ["optimize/film.mp4"])


def test_says_what_to_install(keeper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ffmpeg nothing is begun, and the message names the line to type."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigurationError, match="ffmpeg"):
        keeper.plan(ACTION, **HERE)
