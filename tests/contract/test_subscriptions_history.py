"""Subscriptions on what the store itself says has changed, while it is written."""

from itertools import groupby
from random import Random
from threading import Event, Thread

from sqlalchemy import Engine

from pipeline.adapters.subscriptions.desk import SubscriptionDesk
from pipeline.adapters.subscriptions.follower import Follower
from schemas.subscriptions import NewSubscription
from sinks.sql.deliveries import SqlDeliveries
from sinks.sql.history import SqlHistory
from sinks.sql.subscriptions import SqlSubscriptions
from tests.contract.scoring import NOW, Scores, notices

CUSTOMERS = 12


def test_whoever_subscribes_in_the_midst_ends_with_the_state_of_the_last_score(
    engine: Engine,
) -> None:
    chance, store, history = Random(5), SqlSubscriptions(engine), SqlHistory(engine)
    desk = SubscriptionDesk(store, SqlDeliveries(engine), history, now=lambda: NOW)
    wanted = {"name": "n", "url": "https://crm.example/", "condition": {"below": 50}}
    loud = NewSubscription.model_validate(wanted | {"backfill": True})
    scores, last = Scores(engine), dict[str, float]()
    written, wrong = Event(), list[Exception]()

    def follow() -> None:
        follower = Follower(store, history, now=lambda: NOW, batch=4)
        try:
            more = True
            while more or not written.is_set():
                more = follower.step()
        except Exception as error:  # noqa: BLE001 - to be seen by the test
            wrong.append(error)
        # Once more: the other may have been in the midst of its last step.
        while follower.step():
            pass

    ids = [desk.subscribe(loud).subscription.id]
    threads = [Thread(target=follow, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(150):
        customer = f"c-{chance.randrange(CUSTOMERS)}"
        last[customer] = chance.choice([40.0, 60.0])
        scores.change(customer, last[customer])
        if number % 30 == 17:
            ids.append(desk.subscribe(loud).subscription.id)
    written.set()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    kept = notices(engine)
    assert len({notice.id for notice in kept}) == len(kept)
    own = sorted(kept, key=lambda n: (n.subscription, n.customer, n.crossing))
    stands = dict[tuple[str, str], bool]()
    for key, group in groupby(own, key=lambda n: (n.subscription, n.customer)):
        told = [*group]
        assert [n.crossing for n in told] == [*range(1, len(told) + 1)]
        assert [n.edge for n in told] == [("entered", "left")[n % 2] for n in range(len(told))]
        stands[key] = told[-1].edge == "entered"
    for one in ids:
        for customer, value in last.items():
            assert stands.get((one, customer), False) == (value < 50), (one, customer)
