"""What an attempt makes of a delivery: it ends, or it is sent again in time."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.dispatch.port import Done, Failed, Settled, TryAgain
from pipeline.adapters.subscriptions.sender import (
    CLAIM_SECONDS,
    LIMITS,
    PATIENCE_SECONDS,
    TIMEOUT_SECONDS,
    outcome_of,
)
from schemas.deliveries import Claim
from tests.contract.scoring import NOW, soon

settlements = st.one_of(
    st.just(Done()),
    st.just(Failed("HTTP 400")),
    st.builds(
        TryAgain,
        st.just("HTTP 503"),
        st.one_of(st.none(), st.floats(0.0, 3_600.0)),
        st.booleans(),
    ),
)


@given(settlements, st.integers(0, 130), st.floats(0.0, 100_000.0), st.floats(0.0, 2_000.0))
def test_an_attempt_ends_a_delivery_or_has_it_sent_again_within_its_limits(
    settled: Settled, before: int, age_seconds: float, backoff_seconds: float
) -> None:
    now = soon(age_seconds)
    claim = Claim("n-1", b"{}", before, NOW, now + timedelta(seconds=CLAIM_SECONDS))
    outcome = outcome_of(claim, settled, limits=LIMITS, backoff_seconds=backoff_seconds, now=now)
    assert (outcome.claim, outcome.attempts, outcome.at) == (claim, before + 1, now)
    assert (outcome.status == "done") == isinstance(settled, Done)
    assert (outcome.detail is None) == isinstance(settled, Done)
    assert (outcome.next_at is not None) == (outcome.status == "waiting")
    if outcome.next_at is not None:
        assert isinstance(settled, TryAgain)
        wait = (outcome.next_at - now).total_seconds()
        assert wait >= backoff_seconds - 1e-5  # microseconds are all a time has
        assert wait >= (settled.retry_after_seconds or 0.0) - 1e-5
        assert outcome.attempts < LIMITS.max_attempts
        assert outcome.next_at < NOW + timedelta(seconds=LIMITS.max_age_seconds)


def test_a_consumer_that_is_down_for_a_day_is_waited_for() -> None:
    claim, at, sent = Claim("n-1", b"{}", 0, NOW, NOW), NOW, 0
    while (at - NOW) < timedelta(hours=23):
        pause = min(2.0**sent, LIMITS.longest_backoff_seconds) / 2  # the shortest jitter
        outcome = outcome_of(
            claim, TryAgain("HTTP 503"), limits=LIMITS, backoff_seconds=pause, now=at
        )
        assert outcome.next_at is not None, outcome
        at, sent = outcome.next_at, outcome.attempts
        claim = claim._replace(attempts=sent)


def test_a_claim_lasts_longer_than_waiting_and_an_attempt_can() -> None:
    assert CLAIM_SECONDS > PATIENCE_SECONDS + TIMEOUT_SECONDS
