"""Scores, explanations, actions and what was refused: everything that is read over HTTP."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request
from starlette.responses import Response

from pipeline.adapters.http.examples import (
    EXPLANATION_ANSWER,
    SUMMARY_ANSWER,
    page_of,
    problem_answers,
)
from pipeline.adapters.http.explanation import ExplanationInWords
from pipeline.adapters.http.language import speaker
from pipeline.adapters.http.masking import Masker, check_may_ask_for
from pipeline.adapters.http.ports import Page, ReadModel
from pipeline.adapters.http.problems import ProblemError
from pipeline.adapters.http.who import Who, who_of
from pipeline.adapters.messages import Catalogues
from pipeline.core.perceive.explain import explain, places_of
from pipeline.core.perceive.words import in_words
from pipeline.core.policy.compiled import Policy
from schemas.care import CareAction, CareCase, CareDecision
from schemas.dead_letter import DeadLetter
from schemas.perception import Score

_ENCODE: Final = msgspec.json.Encoder().encode
_SUMMARY: Final = tuple(name for name in Score.__struct_fields__ if name != "parts")

Customer = Annotated[str, Path(description="The event's subject, percent-encoded.")]
OfStatus = Annotated[
    Literal["open", "resolved", "closed"] | None, Query(description="Only those that stand so.")
]
OfCustomer = Annotated[str | None, Query(description="Only of this customer.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Rows at most.")]
Lang = Annotated[str | None, Query(max_length=35, description="Language of `words`, as `zh`.")]
AcceptLanguage = Annotated[str | None, Header(description="Languages of `words`, by wish.")]
Before = Annotated[str | None, Query(description="`next` of the page before.")]


def make_read_router(
    read: ReadModel, *, policy: Callable[[], Policy], catalogues: Catalogues, masker: Masker
) -> APIRouter:
    """Routes for reading. They are no coroutines: they run in threads and may block.

    ``masker`` puts pseudonyms into lists for callers who may not see whom rows are about.
    """
    router = APIRouter(prefix="/v1")
    _add_explanation(router, read, policy, catalogues)
    _add_customer(router, read)
    _add_lists(router, read, masker)
    return router


def _add_explanation(
    router: APIRouter, read: ReadModel, policy: Callable[[], Policy], catalogues: Catalogues
) -> None:
    # Before the shorter path, which would take it for a customer with a slash in the id.
    @router.get(
        "/customers/{customer:path}/explanation",
        tags=["customers"],
        summary="Why the score is what it is",
        responses={200: EXPLANATION_ANSWER, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def get_explanation(
        customer: Customer, lang: Lang = None, accept_language: AcceptLanguage = None
    ) -> Response:
        by_policy = policy()
        found = _known(read.explanation, customer)
        score = msgspec.json.decode(_ENCODE(found), type=Score)  # floats keep every bit
        explanation = explain(score, places_of(by_policy))
        speaks = speaker(catalogues, lang, accept_language, by_policy.file.language)
        answer = _json(
            ExplanationInWords(
                **msgspec.structs.asdict(explanation),
                language=speaks.language,
                words=in_words(score, explanation, speaks, zone=UTC),
            )
        )
        answer.headers["Content-Language"] = speaks.language
        answer.headers["Vary"] = "Accept-Language"
        return answer


def _add_customer(router: APIRouter, read: ReadModel) -> None:
    @router.get(
        "/customers/{customer:path}",
        tags=["customers"],
        summary="How the service feels to one customer",
        responses={200: SUMMARY_ANSWER, **problem_answers(404, 503)},
        response_class=Response,
    )
    def get_customer(customer: Customer) -> Response:
        score = _known(read.score, customer)
        return _json({name: score[name] for name in _SUMMARY})


def _add_lists(router: APIRouter, read: ReadModel, masker: Masker) -> None:
    def options(rows: type, what: str) -> dict[str, Any]:
        return {
            "tags": ["care"] if rows is not DeadLetter else ["operation"],
            "summary": f"{what}, newest first",
            "responses": {200: page_of(rows, f"{what}."), **problem_answers(422, 503)},
            "response_class": Response,
        }

    @router.get("/actions", **options(CareAction, "What is to be done for customers"))
    def get_actions(
        request: Request, customer: OfCustomer = None, limit: Limit = 100, before: Before = None
    ) -> Response:
        who = who_of(request)
        check_may_ask_for(customer, who)
        return _page(masker, who, lambda: read.actions(limit, customer=customer, before=before))

    @router.get("/decisions", **options(CareDecision, "What became of what was considered"))
    def get_decisions(
        request: Request, customer: OfCustomer = None, limit: Limit = 100, before: Before = None
    ) -> Response:
        who = who_of(request)
        check_may_ask_for(customer, who)
        return _page(masker, who, lambda: read.decisions(limit, customer=customer, before=before))

    @router.get("/cases", **options(CareCase, "How cases stand; `next_due` is their next clock"))
    def get_cases(
        request: Request,
        customer: OfCustomer = None,
        status: OfStatus = None,
        limit: Limit = 100,
        before: Before = None,
    ) -> Response:
        who = who_of(request)
        check_may_ask_for(customer, who)
        return _page(
            masker, who, lambda: read.cases(limit, customer=customer, status=status, before=before)
        )

    @router.get("/dead-letters", **options(DeadLetter, "Records that could not be processed"))
    def get_dead_letters(request: Request, limit: Limit = 100, before: Before = None) -> Response:
        return _page(masker, who_of(request), lambda: read.dead_letters(limit, before=before))


def _known(
    find: Callable[[str], Mapping[str, object] | None], customer: str
) -> Mapping[str, object]:
    try:
        found = find(unquote(customer, errors="strict"))
    except UnicodeDecodeError:
        found = None  # no id has bytes that are not UTF-8
    if found is None:
        raise ProblemError(404, "unknown_customer", "no event of this customer was processed")
    return found


def _page(masker: Masker, who: Who, ask: Callable[[], Page]) -> Response:
    try:
        page = ask()
    except ValueError as error:
        what = "is no cursor of this list; take `next` of an earlier answer"
        raise ProblemError(422, "invalid_parameter", f"before: {what}") from error
    return _json({"items": masker.mask(page.items, who), "next": page.next})


def _json(value: object) -> Response:
    return Response(_ENCODE(value), media_type="application/json")
