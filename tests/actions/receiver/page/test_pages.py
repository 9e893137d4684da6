"""The pages in a real browser, in the states in which a person looks at them."""

import hashlib
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from actions.action import Progress
from actions.ledger.rows import NewRun, NewStep
from actions.ledger.schema import RunState, Trigger

Make = Callable[..., Any]

# One receiver and one browser serve all of them.
pytestmark = pytest.mark.xdist_group("pages")

# What a hostile label holds: markup, an event handler, a turned writing direction, a terminal's escape code.
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202eevil\x1b[31m"


@pytest.fixture(scope="module")
def shop(start_shop: Make) -> Any:
    """One shop for all tests here; each sends its own alerts and starts its own runs."""
    return start_shop()


@pytest.fixture(autouse=True)
def old_file(shop: Any) -> None:
    """Put the one media file back that an approved run before may have removed."""
    (shop.folder / "media" / "old.png").write_bytes(b"x" * 962)


@pytest.fixture(scope="module")
def send(shop: Any) -> Make:
    """``send(name, **labels)``: an alert as Alertmanager sends it; gives the runs that it started."""

    def send(name: str, *, status: str = "firing", **labels: str) -> list[str]:
        fingerprint = hashlib.sha256(name.encode()).hexdigest()[:16]
        alert = {
            "status": status,
            "labels": {"alertname": name, "shop": "madamda", **labels},
            "fingerprint": fingerprint,
        }
        message = {"version": "4", "status": status, "receiver": "storekeeper", "alerts": [alert]}
        answer = requests.post(f"{shop.url}/api/v1/alerts", json=message, timeout=30)
        assert 202 == answer.status_code, answer.text
        runs: list[str] = answer.json()["runs"]
        return runs

    return send


@pytest.fixture
def start(shop: Any) -> Make:
    """``start(action, **options)``: a dry run that has ended; gives its id."""

    def start(action: str, **options: Any) -> str:
        wanted = {"action": action, "options": options, "dry_run": True}
        run: str = requests.post(f"{shop.url}/api/v1/runs", json=wanted, timeout=30).json()["id"]
        wait_for(shop, run, "done")
        return run

    return start


def wait_for(shop: Any, run: str, *states: str) -> dict[str, Any]:
    """Give a run once it is in one of these states."""
    deadline = time.monotonic() + 30
    while (found := requests.get(f"{shop.url}/api/v1/runs/{run}", timeout=30).json())["state"] not in states:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return dict(found)


def newest_run(shop: Any) -> dict[str, Any]:
    """Give the newest run of the history."""
    return dict(requests.get(f"{shop.url}/api/v1/runs?limit=1", timeout=30).json()["runs"][0])


def press_by_keyboard(page: Any, name: str) -> None:
    """Tab from the top of the page to what has this name, as it is read out, and press Enter."""
    target = page.get_by_role("button", name=name, exact=True).or_(
        page.get_by_role("link", name=name, exact=True)
    )
    for _ in range(120):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            # The ring around what has the focus is there and can be seen.
            assert "0px" != target.evaluate("element => getComputedStyle(element).outlineWidth")
            with page.expect_navigation():
                page.keyboard.press("Enter")
            return
    raise AssertionError(f"the keyboard does not lead to {name!r}")


def test_overview_tells_in_one_look_what_is_full_runs_and_needs_a_person(
    shop: Any, send: Make, view: Make
) -> None:
    """Levels, a run under way, an approval, spent runs: each is at the top of a phone in words and colour."""
    (failed,) = send("StorageUsageEmergency", severity="emergency", resource="media")
    wait_for(shop, failed, "failed")
    send("StorageUsageEmergency", severity="emergency", resource="media")
    (careful,) = send("CarefulAlert", severity="critical")
    wait_for(shop, careful, "waiting")
    (slow,) = send("SlowAlert", severity="warning")
    wait_for(shop, slow, "running")
    window = view(phone=True)
    page = window.open(shop.url)
    assert page.locator("#glance").bounding_box()["y"] < 150
    assert ["96.2\u00a0%", "media", "emergency"] == page.locator("#glance-fill > span").all_inner_texts()
    assert "run under way" == " ".join(page.locator("#glance-running > span").all_inner_texts()[1:])
    words = dict.fromkeys(page.locator("#fill .level").all_text_contents())
    assert ["emergency", "critical", "warning"] == list(words)
    needs = page.locator("#needs").inner_text()
    assert "remove_files waits for approval" in needs
    assert "All runs of the day are spent" in needs
    assert "A person is needed." in page.locator("#alerts").inner_text()
    assert "storekeeper is working on it." in page.locator("#alerts").inner_text()
    window.check(page, "overview-phone-light")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="dark")
    window.check(page, "overview-desk-dark")
    for width, scheme in ((390, "dark"), (1280, "light")):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        window.keep(page, f"overview-{width}-{scheme}")
    for run, name in ((slow, "SlowAlert"), (careful, "CarefulAlert")):
        requests.post(f"{shop.url}/api/v1/runs/{run}/cancel", timeout=30)
        wait_for(shop, run, "cancelled")
        send(name, status="resolved")


def test_running_run_moves_by_itself_and_can_be_cancelled(shop: Any, send: Make, view: Make) -> None:
    """Progress goes on without a reload and without losing the focus; Cancel ends the run."""
    (slow,) = send("SlowAlert", severity="warning")
    wait_for(shop, slow, "running")
    window = view(phone=True)
    page = window.open(f"{shop.url}/runs/{slow}")
    meter = page.locator(".meter")
    meter.wait_for()
    before = meter.inner_text()
    page.locator("#cancel").focus()
    page.wait_for_function("before => document.querySelector('.meter').innerText !== before", arg=before)
    assert "cancel" == page.evaluate("document.activeElement.id")
    window.check(page, "run-running-phone-light")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    wait_for(shop, slow, "cancelled")
    page.get_by_text("Nothing more happens.").wait_for()


def test_failed_run_says_what_to_do_next(shop: Any, send: Make, view: Make) -> None:
    """The error, what to do, when it is tried again, and a way to try the same step with its options."""
    (failed,) = send("FailingAlert", severity="warning")
    wait_for(shop, failed, "failed")
    window = view(dark=True, phone=True)
    page = window.open(f"{shop.url}/runs/{failed}")
    text = page.locator("main").inner_text()
    assert "it cannot be done" in text
    assert "Mend what the error names." in text
    assert "storekeeper tries again by itself" in text
    window.check(page, "run-failed-phone-dark")
    page.get_by_role("link", name="Run again…").click()
    assert "names=qr*" in page.locator("main").inner_text()
    window.check(page, "confirm-phone-dark")
    page.get_by_role("button", name="Yes, run it now").click()
    again = newest_run(shop)
    assert {"names": "qr*"} == again["steps"][0]["options"]
    assert (False, "page") == (again["dry_run"], again["trigger"])


def test_waiting_run_is_looked_at_and_approved_by_keyboard(shop: Any, send: Make, view: Make) -> None:
    """Before a person agrees they can see the plan; Tab and Enter lead there and through the approval."""
    (waiting,) = send("CarefulAlert", severity="critical")
    wait_for(shop, waiting, "waiting")
    window = view()
    page = window.open(f"{shop.url}/runs/{waiting}")
    window.check(page, "run-waiting-desk-light")
    press_by_keyboard(page, "Look first: dry run of this step")
    looked = newest_run(shop)
    assert (True, "remove_files") == (looked["dry_run"], looked["steps"][0]["action"])
    page.get_by_role("cell", name="old.png").wait_for()
    page.goto(f"{shop.url}/runs/{waiting}")
    press_by_keyboard(page, "Approve: go on")
    wait_for(shop, waiting, "done")
    page.get_by_text("Approved by", exact=True).wait_for()


def test_keyboard_alone_starts_a_run(shop: Any, view: Make) -> None:
    """The first Tab skips to the content; what removes nothing starts at once, the rest asks first."""
    page = view().open(shop.url)
    page.keyboard.press("Tab")
    assert "Skip to the content" == page.evaluate("document.activeElement.innerText")
    assert page.get_by_text("Skip to the content").bounding_box()["y"] >= 0
    press_by_keyboard(page, "Run now find_large_files")
    started = newest_run(shop)
    assert (False, "find_large_files") == (started["dry_run"], started["steps"][0]["action"])
    page.goto(shop.url)
    press_by_keyboard(page, "Run… rotate_logs (asks first)")
    assert started["id"] == newest_run(shop)["id"]
    press_by_keyboard(page, "Yes, run it now")
    assert "rotate_logs" == newest_run(shop)["steps"][0]["action"]


def test_plan_of_a_dry_run_is_a_table(shop: Any, start: Make, view: Make) -> None:
    """A dry run's plan is shown row by row under headings, and running it for good asks first."""
    run = start("find_large_files", over="1B")
    window = view(phone=True)
    page = window.open(f"{shop.url}/runs/{run}")
    assert ["area", "file", "size", "changed"] == page.get_by_role("columnheader").all_inner_texts()
    assert "old.png" in page.get_by_role("table").inner_text()
    window.check(page, "run-plan-phone-light")
    page.get_by_role("link", name="Run it…").click()
    assert "The dry run" in page.locator("main").inner_text()


def test_hostile_labels_stay_text(shop: Any, send: Make, view: Make) -> None:
    """Markup in names is shown as it is, invisible characters are written out, and nothing of it runs."""
    send(HOSTILE, severity=HOSTILE, resource=HOSTILE)
    run = shop.ledger.begin_by_hand(
        NewRun(trigger=Trigger.API, who=HOSTILE, resource=HOSTILE, steps=[NewStep(action=HOSTILE)])
    )
    shop.ledger.begin_step(run, 0)
    shop.ledger.note_progress(run, 0, Progress(done=1, total=2, unit=HOSTILE, note=HOSTILE))
    shop.ledger.add_log(run, 0, HOSTILE)
    window = view(phone=True)
    page = window.open(shop.url)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    for path in ("", "/runs", f"/runs/{run}", f"/confirm?action={HOSTILE}"):
        page.goto(f"{shop.url}{path}")
        assert 1 == page.locator("script").count()
        assert 0 == page.locator("main img").count()
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", page.content())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if path != f"/confirm?action={HOSTILE}":
            assert "<script>alert(1)</script>" in page.locator("main").inner_text()
            assert [] == window.complaints
    page.goto(f"{shop.url}/runs/{run}")
    assert "\\u202eevil\\x1b[31m" in page.locator("main").inner_text()
    window.keep(page, "hostile-phone-light")
    shop.ledger.end_run(run, state=RunState.CANCELLED)
    send(HOSTILE, status="resolved")


def test_works_without_scripts(shop: Any, view: Make) -> None:
    """Reading, starting and reloading need no script: the browser is told to look again by itself."""
    window = view(scripts=False)
    page = window.open(shop.url)
    assert "Fill levels" in page.locator("main").inner_text()
    assert 1 == page.locator("meta[http-equiv=refresh]").count()
    page.get_by_role("button", name="Dry run of find_large_files").click()
    run = newest_run(shop)
    assert (True, "page") == (run["dry_run"], run["trigger"])
    assert f"{shop.url}/runs/{run['id']}" == page.url


def test_says_when_what_it_shows_is_not_of_now(shop: Any, view: Make) -> None:
    """A page whose receiver is gone says since when; it comes back by itself; updates can be paused."""
    window = view()
    page = window.open(shop.url)
    page.evaluate("document.getElementById('main').dataset.seconds = 0.1")
    page.get_by_role("button", name="Pause updates").click()
    window.context.set_offline(True)
    page.get_by_role("button", name="Go on with updates").click()
    page.get_by_text("Not reachable since").wait_for()
    window.context.set_offline(False)
    page.get_by_text("Not reachable since").wait_for(state="detached")


def test_address_with_a_password_is_brought_up_to_date_too(shop: Any, view: Make) -> None:
    """Whoever gives name and password in the address sees new figures as all others do."""
    page = view().open(shop.url)
    bare = re.sub(r"//[^@]*@", "//", shop.url)
    with page.expect_response(lambda answer: answer.url == f"{bare}/" and answer.ok):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_forms_need_the_token_of_a_page(shop: Any) -> None:
    """Whoever has read no page of ours cannot send its forms: nothing is started, cancelled, approved."""
    before = newest_run(shop)["id"]
    wanted = {"action": "remove_files", "mode": "run"}
    for path in ("/start", f"/runs/{before}/cancel", f"/runs/{before}/approve"):
        for token in ({}, {"token": ""}, {"token": "0" * 64}, {"token": "ខ្មែរ"}):
            answer = requests.post(shop.url + path, data={**wanted, **token}, timeout=30)
            assert 403 == answer.status_code
            assert "That was not done" in answer.text
    assert 415 == requests.post(f"{shop.url}/start", json=wanted, timeout=30).status_code
    assert before == newest_run(shop)["id"]


def test_answers_carry_a_strict_policy(shop: Any) -> None:
    """Nothing inline and nothing from elsewhere may be loaded, and no page may stand in another's frame."""
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")):
        answer = requests.get(shop.url + path, timeout=30)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy and "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "nosniff" == answer.headers["x-content-type-options"]
        assert answer.headers["content-type"].startswith(kind)
    page = requests.get(shop.url, timeout=30).text
    assert not re.search(r"https?://|<style|<[^>]*\s(style|on\w+)=", page)
