"""Values as JSON text, as Django's serialiser writes them, but with every microsecond."""

from __future__ import annotations

import datetime as dt
from json.encoder import encode_basestring
from typing import Any, Callable

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.timezone import is_aware

quoted = encode_basestring
"""Give a str as JSON text (a C function)."""


class ExactEncoder(DjangoJSONEncoder):  # type: ignore[misc]
    """Django's own encoder cuts times to milliseconds; this one does not."""

    def default(self, o: Any) -> Any:
        if isinstance(o, dt.datetime):
            text = o.isoformat()
            return text[:-6] + "Z" if text.endswith("+00:00") else text
        if isinstance(o, dt.time):
            if is_aware(o):
                raise ValueError("a time of day with a time zone cannot be written as JSON")
            return o.isoformat()
        return super().default(o)


json_text: Callable[[Any], str] = ExactEncoder(ensure_ascii=False).encode
"""Give any value that Django's serialiser knows as JSON text on one line."""
