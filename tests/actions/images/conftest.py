"""Pictures of every kind, and a shop whose rows name them."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw


class Pictures:
    """Makes image files, as bytes; photos have noise enough to be large."""

    def photo(self, form: str = "JPEG", *, size: tuple[int, int] = (320, 240), **how: Any) -> bytes:
        """Give a soft picture with a red left and a blue right side."""
        return self.saved(self.image(size), form, **({"quality": 97} | how if form == "JPEG" else how))

    def image(self, size: tuple[int, int] = (320, 240)) -> Image.Image:
        small = Image.frombytes("RGB", (16, 12), random.Random(1).randbytes(16 * 12 * 3))
        image = small.resize(size, Image.Resampling.BICUBIC)
        image.paste((250, 10, 10), (0, 0, size[0] // 4, size[1]))
        image.paste((10, 10, 250), (size[0] - size[0] // 4, 0, size[0], size[1]))
        return image

    def exif(self, orientation: int) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif[0x010F] = "A camera"
        return exif.tobytes()

    def profile(self) -> bytes:
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    def animation(self, form: str = "GIF", **how: Any) -> bytes:
        """Give five frames of different length with a moving square, drawn over transparency."""
        frames = []
        for number in range(5):
            frame = Image.new("RGBA", (120, 90), (0, 0, 0, 0))
            ImageDraw.Draw(frame).rectangle((number * 20, 10, number * 20 + 15, 60), fill=(200, 40, 90, 255))
            ImageDraw.Draw(frame).ellipse((10, 50, 100, 60 + number * 5), fill=(20, 240, number * 50, 255))
            frames.append(frame)
        stream = io.BytesIO()
        how = {"duration": [100, 200, 50, 300, 70], "loop": 0, "disposal": 2} | how
        frames[0].save(stream, form, save_all=True, append_images=frames[1:], **how)
        return stream.getvalue()

    def saved(self, image: Image.Image, form: str, **how: Any) -> bytes:
        stream = io.BytesIO()
        image.save(stream, form, **how)
        return stream.getvalue()


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()


class Slides:
    """Rows of the shop that name image files."""

    def __init__(self, keeper: Any) -> None:
        self._keeper = keeper

    def add(self, name: str, content: bytes, *, rows: int = 1) -> Path:
        """Write a file below ``optimize`` in the media folder and name it by so many slides."""
        path: Path = self._keeper.write(f"optimize/{name}", content, days=3)
        self._keeper.shop.evaluate(
            "from app.models import HeroSlide\nfrom django.utils import timezone\n"
            f"for _ in range({rows}):\n"
            f"    HeroSlide.objects.create(image={f'optimize/{name}'!r}, starts_at=timezone.now())\n"
            "result = 1"
        )
        return path

    def names(self) -> list[str]:
        """Give what the slides name below ``optimize``, in the order in which they were added."""
        names: list[str] = self._keeper.shop.evaluate(
            "from app.models import HeroSlide\n"
            "result = list(HeroSlide.objects.filter(image__startswith='optimize/').order_by('pk')"
            ".values_list('image', flat=True))"
        )
        return names

    def broken(self) -> list[str]:
        """Give every file that some row of an image field names and that is not there."""
        named: list[str] = self._keeper.shop.evaluate(
            "from app.models import HeroSlide, Product, Review\n"
            "fields = (HeroSlide, 'image'), (Product, 'image'), (Review, 'photo')\n"
            "result = [name for model, field in fields\n"
            "          for name in model._base_manager.exclude(**{field: ''}).values_list(field, flat=True)]"
        )
        return [name for name in named if not (self._keeper.media / name).is_file()]


@pytest.fixture
def make_slides() -> Callable[[Any], Slides]:
    return Slides
