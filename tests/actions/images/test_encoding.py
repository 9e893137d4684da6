"""The new form of an image: what is kept, and what is left alone."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from actions.images import encoding as image_encoding
from actions.images.encoding import LeftAlone, encode

REPOSITORY = Path(__file__).resolve().parents[3]


def opened(data: bytes) -> Any:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_a_jpeg_becomes_a_smaller_webp(pictures: Any) -> None:
    """The size in pixels is the same, the file smaller."""
    data = pictures.photo()
    made = encode(data, to="webp", quality=80)
    assert (opened(made.data).format, opened(made.data).size, made.suffix) == ("WEBP", (320, 240), ".webp")
    assert len(made.data) < len(data)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_is_turned_upright(pictures: Any, orientation: int) -> None:
    """The pixels stand as a browser shows the source, no tag is left, other EXIF data is."""
    from PIL import ImageOps

    data = pictures.photo(exif=pictures.exif(orientation))
    made = encode(data, to="webp", quality=80)
    image = opened(made.data)
    shown = ImageOps.exif_transpose(opened(data))
    assert image.size == shown.size
    assert image.getexif().get(0x0112, 1) == 1
    assert image.getexif()[0x010F] == "A camera"
    assert made.swapped == (orientation >= 5)
    difference = ImageChops.difference(image.convert("RGB"), shown.convert("RGB")).resize((1, 1))
    assert max(difference.getpixel((0, 0))) < 10


def test_same_format_keeps_the_orientation_tag(pictures: Any) -> None:
    """A JPEG stays as it lies, with its tag."""
    made = encode(pictures.photo(exif=pictures.exif(6)), to="same", quality=60)
    image = opened(made.data)
    assert (image.format, image.size, image.getexif()[0x0112], made.suffix) == ("JPEG", (320, 240), 6, None)


@pytest.mark.parametrize(
    ("form", "to"), [("JPEG", "webp"), ("PNG", "webp"), ("JPEG", "same"), ("PNG", "same")]
)
def test_keeps_the_colour_profile(pictures: Any, form: str, to: Any) -> None:
    """The ICC profile is the same, byte for byte."""
    profile = pictures.profile()
    made = encode(pictures.photo(form, icc_profile=profile), to=to, quality=80)
    assert opened(made.data).info["icc_profile"] == profile


def test_same_format_keeps_full_colour_resolution(pictures: Any) -> None:
    """A JPEG whose colours are as fine as its light stays so."""
    from PIL import JpegImagePlugin

    made = encode(pictures.photo(subsampling=0), to="same", quality=60)
    assert JpegImagePlugin.get_sampling(opened(made.data)) == 0


def test_a_palette_png_with_alpha_keeps_every_pixel(pictures: Any) -> None:
    """Half-transparent palette colours are the same after both ways."""
    image = pictures.image().quantize(16)
    data = pictures.saved(image, "PNG", transparency=bytes(range(0, 256, 16)))
    for to in ("webp", "same"):
        made = opened(encode(data, to=to, quality=80).data)
        assert ImageChops.difference(made.convert("RGBA"), opened(data).convert("RGBA")).getbbox() is None
    assert made.mode == "P"


def test_an_animated_gif_keeps_frames_durations_and_loop(pictures: Any) -> None:
    """Five frames of different length, for ever."""
    made = opened(encode(pictures.animation(), to="webp", quality=80).data)
    durations = []
    for number in range(made.n_frames):
        made.seek(number)
        made.load()
        durations.append(made.info["duration"])
    assert (durations, made.info["loop"]) == ([100, 200, 50, 300, 70], 0)


def test_a_gif_that_plays_once_still_does(pictures: Any) -> None:
    """A GIF without a loop count plays once; in WebP that is a count of one."""
    made = opened(encode(pictures.animation(loop=None), to="webp", quality=80).data)
    assert made.info["loop"] == 1


def test_an_animation_that_webp_would_shorten_stays(pictures: Any) -> None:
    """Two equal frames in a row become one in WebP: such an animation is left alone."""
    still = pictures.saved(Image.new("P", (40, 30), 1), "GIF")
    start = 13 + 3 * 2 ** ((still[10] & 7) + 1)
    frame = still[still.index(b",", start) : -1]
    delay = b"!\xf9\x04\x00" + struct.pack("<H", 20) + b"\x00\x00"
    data = b"GIF89a" + still[6:start] + delay + frame + delay + frame + b";"
    assert opened(data).n_frames == 2
    with pytest.raises(LeftAlone, match="frames and durations"):
        encode(data, to="webp", quality=80)


def sixteen_bit_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x12\x34\x56\x78\x9a\xbc" * 8 for _ in range(8))
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """Give the PNG with one more chunk behind its header."""
    extra = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return png[:33] + extra + png[33:]


@pytest.mark.parametrize("to", ["webp", "same"])
def test_leaves_what_would_change_its_look(pictures: Any, to: Any) -> None:
    """CMYK, 16 bits, a gamma of its own, HDR, several pictures, animated PNG, broken and foreign files."""
    cmyk = pictures.image().convert("CMYK")
    several = io.BytesIO()
    pictures.image().save(several, "MPO", save_all=True, append_images=[pictures.image()])
    png = pictures.photo("PNG")
    cases = {
        "its colours are CMYK": pictures.saved(cmyk, "JPEG"),
        "16 bits": sixteen_bit_png(),
        "gamma": with_chunk(png, b"gAMA", struct.pack(">I", 100_000)),
        "HDR": with_chunk(png, b"cICP", bytes([9, 16, 0, 1])),
        "several pictures": several.getvalue(),
        "animated PNG": pictures.animation("PNG", loop=0, disposal=1),
        "broken": pictures.photo()[:4000],
        "not a JPEG": pictures.saved(pictures.image(), "TIFF"),
        "broken, or": b"",
    }
    for why, data in cases.items():
        with pytest.raises(LeftAlone, match=why):
            encode(data, to=to, quality=80)


def test_leaves_a_profile_for_other_colours(pictures: Any) -> None:
    """A grey image with a profile for grey cannot keep it in WebP, which is always RGB."""
    profile = bytearray(pictures.profile())
    profile[16:20] = b"GRAY"
    data = pictures.saved(pictures.image().convert("L"), "JPEG", icc_profile=bytes(profile))
    with pytest.raises(LeftAlone, match="not for RGB"):
        encode(data, to="webp", quality=80)


def test_leaves_what_is_too_wide_for_webp(pictures: Any) -> None:
    """WebP ends at 16383 pixels."""
    with pytest.raises(LeftAlone, match="16383"):
        encode(pictures.photo("PNG", size=(16_384, 2)), to="webp", quality=80)


def test_a_bomb_is_not_decoded() -> None:
    """A tiny file that claims a huge picture is refused by its header; also one beyond Pillow's own limit."""
    for edge in (8_001, 60_000):
        header = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
        data += struct.pack(">I", zlib.crc32(b"IHDR" + header))
        data += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
        with pytest.raises(LeftAlone, match="million pixels"):
            encode(data, to="webp", quality=80)


def test_without_pillow_the_error_says_what_to_install() -> None:
    """Every action can be imported without Pillow; this one names the extra."""
    code = (
        "import sys\nsys.modules['PIL'] = None\nimport actions.table\n"
        "from actions.images.encoding import require_pillow\nrequire_pillow()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY)
    assert "pip install 'storekeeper[images]'" in done.stderr.splitlines()[-1]


def test_a_bomb_of_frames_is_not_decoded(monkeypatch: pytest.MonkeyPatch, pictures: Any) -> None:
    """All frames together have a limit, too."""
    monkeypatch.setattr(image_encoding, "ANIMATION_PIXEL_LIMIT", 4 * 120 * 90)
    with pytest.raises(LeftAlone, match="5 frames"):
        encode(pictures.animation(), to="webp", quality=80)
