"""Read YAML safely and strictly: a key that is written twice is an error, not a surprise."""

from typing import Any

import yaml

from storekeeper.errors import ConfigurationError


class _StrictLoader(yaml.SafeLoader):
    """The safe loader, which also refuses duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            try:
                repeated = key in seen
                seen.add(key)
            except TypeError:
                raise yaml.constructor.ConstructorError(
                    None, None, "a key cannot be a list or a mapping", key_node.start_mark
                ) from None
            if repeated:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here for the second time", key_node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def read_yaml(text: str, *, name: str) -> Any:
    """Give the document in ``text``; ``name`` stands in the ConfigurationError for a broken one."""
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, made stricter above
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{name}{place}: not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{name}: not valid YAML: {error}") from None
