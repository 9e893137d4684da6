"""Files under MEDIA_ROOT, written as the shop's uploads would be, with the time of their upload."""

import os
from datetime import datetime
from pathlib import Path

from django.conf import settings


def write_media(name: str, content: bytes, *, at: datetime) -> str:
    """Write one media file, dated ``at``, and return its name as a FileField stores it."""
    path = Path(settings.MEDIA_ROOT, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return name
