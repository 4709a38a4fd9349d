"""Whatever is asked, the application answers as its OpenAPI document says."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fastapi import FastAPI

from tests.contract.api_world import STREAM, Application, Probe, application, operations_of

EXAMPLES = 8

with TemporaryDirectory() as folder, application(Path(folder)) as tried:
    OPERATIONS = operations_of(tried.app.openapi())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with application(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture(scope="module")
def api(whole: Application) -> FastAPI:
    return whole.app


@pytest.fixture(scope="module")
def probe(whole: Application) -> Probe:
    return Probe(whole)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_the_document_says(probe: Probe, method: str, path: str) -> None:
    probe.check(method, path, EXAMPLES)


def test_the_whole_application_is_asked(api: FastAPI) -> None:
    document = api.openapi()
    assert document["openapi"].startswith("3.1")
    assert STREAM in document["paths"]
    assert operations_of(document) == OPERATIONS


def test_every_answer_that_can_be_had_has_an_example(api: FastAPI) -> None:
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
