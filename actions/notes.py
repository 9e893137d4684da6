"""What a plan has to say besides its lists, each sentence once, with a few examples."""

from collections.abc import Iterator

# A sentence for each row would bury the others.
EXAMPLES = 3


class Notes:
    """Sentences with what they are about, in the order in which they first came up."""

    def __init__(self) -> None:
        self._examples: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def add(self, sentence: str, example: str = "") -> None:
        """Note one more case of the sentence."""
        self._counts[sentence] = self._counts.get(sentence, 0) + 1
        shown = self._examples.setdefault(sentence, [])
        if example and len(shown) < EXAMPLES:
            shown.append(example)

    def told(self) -> Iterator[str]:
        """Give each sentence with its examples and how many more there are."""
        for sentence, examples in self._examples.items():
            more = self._counts[sentence] - len(examples)
            others = f" and {more} more" if examples and more else ""
            yield f"{sentence}: {', '.join(examples)}{others}" if examples else sentence
