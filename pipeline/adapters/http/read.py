"""One customer: the score as it is now, and why it is what it is."""

from collections.abc import Callable
from datetime import UTC
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from pipeline.adapters.http.answers import (
    UNCHANGED,
    Customer,
    IfNoneMatch,
    customer_of,
    encode,
    tagged_answer,
    unknown_customer,
)
from pipeline.adapters.http.examples import (
    EXPLANATION_ANSWER,
    SUMMARY_ANSWER,
    problem_answers,
)
from pipeline.adapters.http.explanation import ExplanationInWords
from pipeline.adapters.http.language import speaker
from pipeline.adapters.http.ports import ReadModel
from pipeline.adapters.messages import Catalogues
from pipeline.core.perceive.explain import explain, places_of
from pipeline.core.perceive.words import in_words
from pipeline.core.policy.compiled import Policy
from schemas.perception import Score

_SUMMARY: Final = tuple(name for name in Score.__struct_fields__ if name != "parts")

Lang = Annotated[str | None, Query(max_length=35, description="Language of `words`, as `zh`.")]
AcceptLanguage = Annotated[str | None, Header(description="Languages of `words`, by wish.")]


def make_read_router(
    read: ReadModel, *, policy: Callable[[], Policy], catalogues: Catalogues
) -> APIRouter:
    """Routes for reading. They are no coroutines: they run in threads and may block.

    To be added after every longer path: the shorter one takes it for an id with slashes.
    """
    router = APIRouter(prefix="/v1")
    _add_explanation(router, read, policy, catalogues)
    _add_customer(router, read)
    return router


def _add_explanation(
    router: APIRouter, read: ReadModel, policy: Callable[[], Policy], catalogues: Catalogues
) -> None:
    @router.get(
        "/customers/{customer:path}/explanation",
        tags=["customers"],
        summary="Why the score is what it is",
        responses={200: EXPLANATION_ANSWER, **UNCHANGED, **problem_answers(404, 422, 503)},
        response_class=Response,
    )
    def get_explanation(
        customer: Customer,
        lang: Lang = None,
        accept_language: AcceptLanguage = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        found = read.explanation(customer_of(customer))
        if found is None:
            raise unknown_customer()
        by_policy = policy()
        score = msgspec.json.decode(encode(found), type=Score)  # floats keep every bit
        explanation = explain(score, places_of(by_policy))
        speaks = speaker(catalogues, lang, accept_language, by_policy.file.language)
        answer = tagged_answer(
            ExplanationInWords(
                **msgspec.structs.asdict(explanation),
                language=speaks.language,
                words=in_words(score, explanation, speaks, zone=UTC),
            ),
            if_none_match,
        )
        answer.headers["Content-Language"] = speaks.language
        answer.headers["Vary"] = "Accept-Language"
        return answer


def _add_customer(router: APIRouter, read: ReadModel) -> None:
    @router.get(
        "/customers/{customer:path}",
        tags=["customers"],
        summary="How the service feels to one customer",
        responses={200: SUMMARY_ANSWER, **UNCHANGED, **problem_answers(404, 503)},
        response_class=Response,
    )
    def get_customer(customer: Customer, if_none_match: IfNoneMatch = None) -> Response:
        score = read.score(customer_of(customer))
        if score is None:
            raise unknown_customer()
        return tagged_answer({name: score[name] for name in _SUMMARY}, if_none_match)
