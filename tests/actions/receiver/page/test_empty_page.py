"""The page of a shop where nothing has happened yet."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]

SHOP = """\
shop: madamda
project: {project}
state: {state}
areas: {{media: {{path: media}}}}
disks: []
schedule: {{{off}}}
receiver: {{listen: "127.0.0.1:0"}}
"""


def test_empty_page_says_what_to_do(start_shop: Make, scheduled: list[str], view: Make) -> None:
    """Where there is nothing to show, a sentence says why and what to do, in light and dark."""
    shop = start_shop(SHOP.replace("{off}", ", ".join(f"{name}: null" for name in scheduled)))
    window = view(phone=True, dark=True)
    page = window.open(shop.url)
    window.check(page, "empty-phone-dark")
    for section, words in {
        "needs": "Nothing needs you now",
        "fill": "Give limit:",
        "alerts": "No alert is open",
        "runs": "a dry run changes nothing",
        "backups": "Make the first one",
        "schedule": "Nothing is scheduled",
    }.items():
        assert words in page.locator(f"#{section}").inner_text()
    assert page.locator("#running").is_hidden()
    page.goto(f"{shop.url}/runs")
    assert "Nothing has run yet" in page.locator("main").inner_text()
    page.goto(f"{shop.url}/runs/nonsense")
    assert "There is no such run." in page.locator("main").inner_text()
