"""Ask once more for single files, just before they move or go for good: does anything want them now?"""

from collections.abc import Collection
from pathlib import Path

from actions.media.references import named_files
from storekeeper.config import Config
from storekeeper.measure.live_names import read_live_names
from storekeeper.measure.own_code import names_in_code
from storekeeper.replaced_images import replaced_images
from storekeeper.shop import ShopDescription
from storekeeper.shop.shop import Conversation


def wanted_files(
    conversation: Conversation, *, config: Config, root: Path, files: Collection[str]
) -> frozenset[str]:
    """
    Return which of ``files``, names below ``root``, are named anywhere now or made of a file that rows name.

    Raises StorekeeperError when any part of the question fails.
    """
    if not files:
        return frozenset()
    named = named_files(conversation, config=config, root=root, files=files).files
    rest = [file for file in files if file not in named]
    if not rest:
        return named
    description = ShopDescription.model_validate(conversation.ask("describe"))
    live = read_live_names(root, config=config, description=description)
    replaced = replaced_images(config.state, root=root)
    made = {file for file in rest if live.names(file) or (file not in replaced and live.made_of_live(file))}
    rest = [file for file in rest if file not in made]
    return named | made | names_in_code(rest, config=config, description=description)
