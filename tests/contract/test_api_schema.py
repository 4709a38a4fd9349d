"""Whatever is asked, the application answers as its OpenAPI document says."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.api_world import STREAM, Probe, application, operations_of
from tests.unit.http_fakes import World

EXAMPLES = 8

OPERATIONS = operations_of(World().app.openapi())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with application(tmp_path_factory.mktemp("api")) as app:
        yield app


@pytest.fixture(scope="module")
def probe(api: Any) -> Probe:
    return Probe(api)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_the_document_says(probe: Probe, method: str, path: str) -> None:
    probe.check(method, path, EXAMPLES)


def test_the_whole_application_is_asked(api: Any) -> None:
    document = api.openapi()
    assert document["openapi"].startswith("3.1")
    assert STREAM in document["paths"]
    assert operations_of(document) == OPERATIONS


def test_every_answer_that_can_be_had_has_an_example(api: Any) -> None:
    missing = [
        (path, status)
        for path, methods in api.openapi()["paths"].items()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        and status != "204"
        and not all("example" in content for content in answer["content"].values())
    ]
    assert missing == []
