"""The actions of a run as annotations in Grafana."""

from pathlib import Path
from typing import Any

import pytest

TOKEN = "Bearer glsa_a-token-of-grafana"


@pytest.fixture
def teller(telling_config: Any, make_teller: Any, annotations: Any) -> Any:
    """A teller of annotations."""
    return make_teller(telling_config(grafana=annotations.url))


def test_an_action_becomes_a_region_with_tags(teller: Any, history: Any, annotations: Any) -> None:
    """Times are milliseconds from beginning to end; tags say what, where, how it ended and in which run."""
    run = history.run(freed_bytes=1_234_567)
    teller.send_due()
    (kept,) = annotations.kept
    with history.ledger.file.read() as connection:
        (step,) = connection.execute("SELECT * FROM steps").fetchall()
    text = kept.pop("text")
    assert {
        "time": round(step["started"] * 1000),
        "timeEnd": round(step["finished"] * 1000),
        "tags": ["storekeeper", "remove_files", "media", "done", "sample", f"run:{run}"],
    } == kept
    assert "remove_files done, 1.2 MB freed\nremoved 3 files\nstarted by the schedule\n" in text
    assert f'<a href="https://shop.example.org:9732/runs/{run}">' in text
    assert {TOKEN} == annotations.authorizations


def test_what_a_run_says_is_text_not_html(teller: Any, history: Any, annotations: Any) -> None:
    """Grafana shows annotations as HTML; a file name could hold some."""
    history.run(failed='<img src="x" onerror="alert(1)">')
    teller.send_due()
    assert "&lt;img src=&quot;x&quot;" in annotations.kept[0]["text"]
    assert "<img" not in annotations.kept[0]["text"]


def test_a_cancelled_run_that_did_something_is_shown(teller: Any, history: Any, annotations: Any) -> None:
    """The graph shows when files went, whoever stopped it."""
    history.run(cancelled=True)
    teller.send_due()
    assert "cancelled" in annotations.kept[0]["tags"]


def test_a_token_is_read_anew(teller: Any, history: Any, annotations: Any, config_file: Path) -> None:
    """A new token in the file is used by the next request, without a restart."""
    history.run()
    teller.send_due()
    config_file.with_name("grafana-token").write_text("another-token\n")
    history.run()
    teller.send_due()
    assert {TOKEN, "Bearer another-token"} == annotations.authorizations


def test_a_receiver_killed_before_the_answer_tells_once(
    telling_config: Any, start_receiver: Any, annotations: Any, wait: Any, rows_of_outbox: Any
) -> None:
    """kill -9 when Grafana has the annotation and the ledger does not know: the next one looks first."""
    telling_config(grafana=annotations.url)
    first = start_receiver()
    annotations.on_kept = first.process.kill
    body = {"action": "remove_files", "options": {"names": "old*"}}
    run = first.post("/api/v1/runs", json=body).json()["id"]
    first.process.wait(30)
    assert (run, "grafana", 1) in rows_of_outbox()
    annotations.on_kept = lambda: None
    second = start_receiver()
    wait(lambda: second.metric('storekeeper_notifications_total{outcome="sent",target="grafana"}') == 1)
    assert [f"run:{run}"] == [one["tags"][-1] for one in annotations.kept]
    assert [] == rows_of_outbox()
