"""People at the console of a whole pipeline: they see a call arrive, and act on care."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from ruamel.yaml import YAML

from pipeline.bootstrap.operate import resting_log
from schemas.dead_letter import DeadLetter, Reason
from schemas.topics import EVENTS
from tests.browser.chromium import WIDE
from tests.services.process import ServiceProcess, free_ports, wait_until
from tests.unit.events import DEFAULT_POLICY

ADMIN = "admin-" + "k" * 32
WAIT_MS = 15_000


class Pipeline:
    """``touchpoint run`` in a process of its own; steps of complaints need somebody's approval."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "touchpoint.db"
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self._numbers = iter(range(1_000))
        policy = YAML(typ="safe").load(DEFAULT_POLICY)
        policy["care"]["actions"]["complaint_step"]["needs_approval"] = True
        changed = folder / "policy.json"  # which is YAML, too
        changed.write_text(json.dumps(policy, default=str))
        port = self.url.rpartition(":")[2]
        command = [sys.executable, "-c", "from pipeline.cli import main; main()", "run"]
        self.process = ServiceProcess(
            [*command, "--db", self.file, "--port", port, "--policy", changed],
            log=folder / "out",
            environment={"TOUCHPOINT_API_KEY": ADMIN},
        )
        self.admin = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {ADMIN}"})

    def start(self) -> None:
        self.process.start()
        self.process.wait_ready(self._ready, seconds=60, what="the pipeline to run")

    def _ready(self) -> bool:
        try:
            return self.admin.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def post(self, kind: str, customer: str, **data: Any) -> None:
        event = {
            "specversion": "1.0",
            "id": f"{kind}-{next(self._numbers)}",
            "source": "/town",
            "type": f"touchpoint.{kind}.v1",
            "subject": customer,
            "time": datetime.now(UTC).isoformat(),
            "data": data,
        }
        self.admin.post("/v1/events", json=event).raise_for_status()

    def key(self, name: str, *scopes: str) -> str:
        made = self.admin.post("/v1/keys", json={"name": name, "scopes": scopes})
        made.raise_for_status()
        text: str = made.json()["text"]
        return text

    def step_of(self, customer: str) -> str:
        """The id of the customer's one action for a step of a complaint."""

        def found() -> list[str]:
            path = f"/v1/actions?customer={customer}&action=complaint_step"
            return [each["id"] for each in self.admin.get(path).json()["items"]]

        wait_until(lambda: bool(found()), seconds=30, what=f"a step for {customer}")
        (action,) = found()
        return action

    def order(self, action: str, order: str) -> None:
        body = {"order": order, "reason": "agreed"}
        self.admin.post(f"/v1/actions/{action}/orders", json=body).raise_for_status()

    def sent(self) -> set[str]:
        """Ids of the actions that were carried out."""
        lines = self.file.with_name(f"{self.file.name}.sent.jsonl")
        if not lines.exists():
            return set()
        return {json.loads(line)["id"] for line in lines.read_text().splitlines()}


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.admin.close()
        made.process.stop(seconds=20.0)


def log_in(browser: Browser, url: str, key: str, path: str) -> Page:
    """The page at ``path``, where one comes to by logging in."""
    context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]}, locale="en")
    page = context.new_page()
    page.goto(url + path)
    page.locator("input[type=password]").fill(key)
    page.locator("button[type=submit]").first.click()
    expect(page).to_have_url(url + path)
    return page


def test_a_call_that_arrives_is_on_screen_with_its_trail_and_the_fall(
    browser: Browser, pipeline: Pipeline
) -> None:
    pipeline.post("visit.completed", "ann", intent="help", resolved=True, wait_seconds=60)
    agent = pipeline.key("agent", "identify")
    page = log_in(browser, pipeline.url, agent, "/console/customers/ann")
    expect(page.locator("#live")).to_have_text("Live", timeout=WAIT_MS)
    began = time.monotonic()
    pipeline.post(
        "call.completed",
        "ann",
        intent="fault",
        ivr_path=["main menu", "faults"],
        ivr_seconds=40,
        wait_seconds=300,
        abandoned=True,
        topic="router",
    )
    trail = page.locator("main")
    expect(trail.get_by_text("given up").first).to_be_visible(timeout=WAIT_MS)
    expect(trail.get_by_text("faults").first).to_be_visible(timeout=WAIT_MS)
    print(f"on screen after {time.monotonic() - began:.2f} s")
    (call, visit) = pipeline.admin.get("/v1/customers/ann/trail").json()["touches"]
    assert call["points"] < 0 < visit["points"]
    shown = f"{abs(call['points']):.1f}"
    fall = page.locator("main .num.down:visible").filter(has_text=shown)
    expect(fall.first).to_be_visible(timeout=WAIT_MS)
    page.context.close()


def test_what_a_care_manager_holds_is_not_sent_until_released(
    browser: Browser, pipeline: Pipeline
) -> None:
    for customer in ("ann", "ben"):
        pipeline.post("complaint.opened", customer, complaint=f"case-{customer}", topic="bill")
    held, other = pipeline.step_of("ann"), pipeline.step_of("ben")
    page = log_in(browser, pipeline.url, pipeline.key("clara", "operate"), "/console/care")
    buttons = page.locator(f"#orders-{held}")
    buttons.locator("summary").click()
    buttons.locator("input[name=reason]").fill("she asked for a letter")
    buttons.get_by_role("button", name="Hold").click()
    expect(page.locator(".said")).to_have_text("ordered: hold")
    pipeline.order(held, "approve")
    pipeline.order(held, "hold")
    pipeline.order(other, "approve")
    # The other goes out after it was approved, and the one that is held does not.
    wait_until(lambda: other in pipeline.sent(), seconds=60, what="the other to be sent")
    assert held not in pipeline.sent()
    pipeline.order(held, "release")
    wait_until(lambda: held in pipeline.sent(), seconds=60, what="the released one to be sent")
    acts = pipeline.admin.get("/v1/audit?who=clara").json()["items"]
    noted = [(each["action"], each["reason"]) for each in acts]
    assert ("action.hold", "she asked for a letter") in noted
    page.context.close()


def test_without_the_scope_nobody_acts(browser: Browser, pipeline: Pipeline) -> None:
    pipeline.post("complaint.opened", "ann", complaint="case-1", topic="bill")
    action = pipeline.step_of("ann")
    page = log_in(browser, pipeline.url, pipeline.key("ivan", "identify"), "/console/care")
    expect(page.get_by_text("case-1").first).to_be_visible()
    expect(page.locator(f"#orders-{action}")).to_have_count(0)
    refused = page.request.post(
        f"{pipeline.url}/console/actions/{action}/hold", form={"reason": "because"}
    )
    assert refused.status == 403
    assert pipeline.admin.get("/v1/audit?target=" + action).json()["items"] == []
    page.context.close()


def _put_into_log(file: Path, letter: DeadLetter) -> None:
    with resting_log(file) as log:
        asyncio.run(log.send(letter))


def test_an_on_call_person_sends_a_dead_letter_again(browser: Browser, tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    letter = DeadLetter(
        topic=EVENTS,
        partition=0,
        offset=0,
        timestamp_ms=0,
        key=b"ann",
        value=b'{"specversion": "1.0"',
        headers=(),
        reason=Reason.BROKEN_JSON,
        detail="",
        fields=(),
        component="upstream",
        version="1",
    )
    pipeline.start()  # makes its files
    pipeline.process.stop(seconds=20.0)
    with ThreadPoolExecutor(1) as aside:  # here the browser's driver has a loop of its own
        aside.submit(_put_into_log, pipeline.file, letter).result()
    pipeline.start()
    try:
        letters = "/v1/dead-letters"
        wait_until(
            lambda: len(pipeline.admin.get(letters).json()["items"]) == 1,
            seconds=30,
            what="the letter",
        )
        page = log_in(browser, pipeline.url, pipeline.key("otto", "operate"), "/console/health")
        form = page.locator("details.orders").first
        form.locator("summary").click()
        form.locator("input[name=reason]").fill("mended upstream")
        form.get_by_role("button", name="Send again").click()
        expect(page.locator(".said")).to_have_text("sent again")
        # It is as broken as before, and so comes back as another letter.
        wait_until(
            lambda: len(pipeline.admin.get(letters).json()["items"]) == 2,
            seconds=30,
            what="it to come back",
        )
        expect(page.get_by_text("Sent again by otto")).to_be_visible()
        page.context.close()
    finally:
        pipeline.admin.close()
        pipeline.process.stop(seconds=20.0)
