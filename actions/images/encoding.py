"""
Encode an image smaller, so that a person sees the same; pictures in, pictures out, no files and no rows.

To WebP, a JPEG is encoded anew at the chosen quality; a PNG or GIF without loss, every pixel and every
frame with its duration. To the same format, a JPEG is encoded anew, a PNG packed tighter without loss. Kept
are the colour profile, EXIF and XMP data as they are; comments and the texts of a PNG do not go into a WebP.
Browsers do not heed the orientation tag of a WebP, so the pixels are turned and the tag is taken out; in the
same format pixels and tag stay as they are.

Whatever would change its look is left alone: CMYK, 16 bits per channel, HDR, colour profiles of other than
RGB colours, gammas of their own, several pictures in one JPEG, animated PNG, more pixels than the limit. The
result is decoded and held against the source before anybody gets it.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, Literal

from actions.images.png_chunks import why_not_png
from storekeeper.errors import ConfigurationError

Target = Literal["webp", "same"]

PIXEL_LIMIT: Final = 64_000_000
"""The most pixels that are decoded: some 256 MB of memory for one picture."""
ANIMATION_PIXEL_LIMIT: Final = 256_000_000
"""The most pixels of all frames of an animation together."""
WEBP_EDGE_LIMIT: Final = 16_383
_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP")
_TURNS: Final = range(2, 9)
_SWAPPING_TURNS: Final = range(5, 9)
_ORIENTATION: Final = 0x0112
# A lossy picture made small may differ by this much of 255; swapped or inverted colours differ by far more.
_SAME_LOOK: Final = 24


class LeftAlone(Exception):
    """This image stays as it is; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """The new content, its suffix (None: that of the old name), and whether width and height swapped."""

    data: bytes
    suffix: str | None
    swapped: bool = False


def require_pillow() -> None:
    """Raise ConfigurationError where Pillow is missing or cannot write WebP."""
    try:
        from PIL import features
    except ImportError:
        raise ConfigurationError(
            "optimize_images needs Pillow, which is not installed",
            hint="pip install 'storekeeper[images]'",
        ) from None
    if not features.check("webp"):
        raise ConfigurationError(
            "this Pillow cannot write WebP", hint="pip install --force-reinstall 'storekeeper[images]'"
        )


def encode(data: bytes, *, to: Target, quality: int) -> Encoded:
    """Give the image in its new form, checked against the old one; raises LeftAlone."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            _check_size(image)
            if image.format == "PNG" and (why := why_not_png(data)):
                raise LeftAlone(why)
            return _to_webp(image, quality) if to == "webp" else _to_same(image, quality)
    except LeftAlone:
        raise
    except UnidentifiedImageError:
        raise LeftAlone("broken, or not a JPEG, PNG or GIF") from None
    except Image.DecompressionBombError:
        raise LeftAlone(f"more than {PIXEL_LIMIT // 10**6} million pixels") from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything for a broken file, all of it means this
        raise LeftAlone(f"broken: {type(error).__name__}: {error}"[:200]) from None


def _check_size(image: Any) -> None:
    """Look at what the header says, before anything is decoded."""
    width, height = image.size
    if width * height > PIXEL_LIMIT:
        raise LeftAlone(f"{width}×{height}: more than {PIXEL_LIMIT // 10**6} million pixels")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and width * height * frames > ANIMATION_PIXEL_LIMIT:
        raise LeftAlone(f"{frames} frames: more than {ANIMATION_PIXEL_LIMIT // 10**6} million pixels")


def _to_webp(image: Any, quality: int) -> Encoded:
    if image.format == "WEBP":
        raise LeftAlone("a WebP already")
    if max(image.size) > WEBP_EDGE_LIMIT:
        raise LeftAlone(f"wider or higher than the {WEBP_EDGE_LIMIT} pixels of WebP")
    if image.format == "GIF" and image.n_frames > 1:
        return Encoded(data=_animation(image), suffix=".webp")
    # Some data stands behind the pixels and is known only now.
    image.load()
    _check_colours(image)
    profile = image.info.get("icc_profile", b"")
    if profile and profile[16:20] != b"RGB ":
        raise LeftAlone("its colour profile is not for RGB")
    turned, swapped = _upright(image)
    lossless = image.format != "JPEG"
    how = {"lossless": True, "exact": True} if lossless else {"quality": quality}
    data = _saved(
        turned, "WEBP", **how, icc_profile=profile, exif=_exif(turned), xmp=turned.info.get("xmp", b"")
    )
    _compare(turned, data, lossless=lossless)
    return Encoded(data=data, suffix=".webp", swapped=swapped)


def _to_same(image: Any, quality: int) -> Encoded:
    if image.format not in ("JPEG", "PNG"):
        raise LeftAlone(f"{image.format} is not packed again" if image.format != "MPO" else _SEVERAL)
    image.load()
    _check_colours(image)
    kept = {
        "icc_profile": image.info.get("icc_profile", b""),
        "exif": image.info.get("exif", b""),
        "dpi": image.info.get("dpi"),
    }
    kept = {name: value for name, value in kept.items() if value}
    if image.format == "JPEG":
        xmp = {"xmp": image.info["xmp"]} if "xmp" in image.info else {}
        how = {"quality": quality, "subsampling": "keep", "optimize": True, "progressive": True}
        data = _saved(image, "JPEG", **how, **kept, **xmp)
    else:
        data = _saved(image, "PNG", optimize=True, pnginfo=_texts(image), **kept)
    _compare(image, data, lossless=image.format == "PNG")
    return Encoded(data=data, suffix=None)


_SEVERAL: Final = "a JPEG that holds several pictures"


def _check_colours(image: Any) -> None:
    if image.format == "MPO":
        raise LeftAlone(_SEVERAL)
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        raise LeftAlone(f"its colours are {image.mode}")


def _upright(image: Any) -> tuple[Any, bool]:
    """Give the image as a person is to see it, without the tag, and whether its edges swapped."""
    from PIL import ImageOps

    orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation not in _TURNS:
        return image, False
    return ImageOps.exif_transpose(image), orientation in _SWAPPING_TURNS


def _animation(image: Any) -> bytes:
    durations = _durations(image)
    # A GIF without a loop count plays once; one with the count N plays N times more; 0 is for ever in both.
    loop = image.info.get("loop")
    plays = 1 if loop is None else 0 if loop == 0 else loop + 1
    data = _saved(
        image,
        "WEBP",
        save_all=True,
        lossless=True,
        duration=durations,
        loop=plays,
        background=(0, 0, 0, 0),
        method=4,
        xmp=image.info.get("xmp", b""),
    )
    from PIL import Image

    made: Any
    with Image.open(BytesIO(data)) as made:
        if made.n_frames != len(durations) or _durations(made) != durations:
            raise LeftAlone("WebP does not keep its frames and durations")
        for number in range(len(durations)):
            image.seek(number)
            made.seek(number)
            _same_pixels(image, made)
    return data


def _durations(image: Any) -> list[int]:
    durations = []
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        durations.append(int(image.info.get("duration", 0)))
    image.seek(0)
    return durations


def _compare(source: Any, data: bytes, *, lossless: bool) -> None:
    """Decode the result; raises LeftAlone where it is not the same picture with the same profile."""
    from PIL import Image, ImageChops, ImageStat

    with Image.open(BytesIO(data)) as made:
        made.load()
        kept = made.info.get("icc_profile", b"") == source.info.get("icc_profile", b"")
        if made.size != source.size or not kept:
            raise LeftAlone("the new form does not keep its size and colour profile")
        if lossless:
            _same_pixels(source, made)
            return
        small = [one.convert("RGB").resize((32, 32), Image.Resampling.BOX) for one in (source, made)]
        if max(ImageStat.Stat(ImageChops.difference(*small)).mean) > _SAME_LOOK:
            raise LeftAlone("the new form looks different")


def _same_pixels(source: Any, made: Any) -> None:
    """Raise LeftAlone unless both show the same; what colour an invisible pixel has does not matter."""
    from PIL import Image, ImageChops

    first, second = source.convert("RGBA"), made.convert("RGBA")
    black = Image.new("RGBA", first.size, (0, 0, 0, 255))
    shown = [Image.alpha_composite(black, one) for one in (first, second)]
    alphas = [one.getchannel("A") for one in (first, second)]
    if ImageChops.difference(*shown).convert("RGB").getbbox() or ImageChops.difference(*alphas).getbbox():
        raise LeftAlone("the new form does not keep every pixel")


def _exif(image: Any) -> bytes:
    exif: bytes = image.info.get("exif", b"")
    return exif.removeprefix(b"Exif\0\0")


def _texts(image: Any) -> Any:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    for key, value in image.text.items():
        texts.add_text(key, value)
    return texts


def _saved(image: Any, form: str, **how: Any) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **how)
    return stream.getvalue()
