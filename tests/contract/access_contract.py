"""What every store of keys, sessions and audit entries does, whatever it is made of."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.adapters.http.access_ports import AccessStore, Audit
from schemas.access import HeldKey, Key, Session

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def held(key_id: str, *, minutes: int = 0) -> HeldKey:
    key = Key(
        id=key_id,
        name=f"name of {key_id}",
        scopes=("read", "operate"),
        created=START + timedelta(minutes=minutes),
        expires=START + timedelta(days=1),
    )
    return HeldKey(key, key_id.encode() * 4)


def session(digest: bytes, *, hours: int = 0) -> Session:
    created = START + timedelta(hours=hours)
    return Session(
        digest=digest,
        name="ann",
        source="key:k1",
        scopes=("read",),
        created=created,
        expires=created + timedelta(hours=12),
    )


class AccessStoreContract:
    """Inherit it with a fixture ``store``."""

    def test_a_key_comes_back_as_it_was(self, store: AccessStore) -> None:
        store.add_key(held("k1"))
        assert store.key("k1") == held("k1")
        assert store.key("k2") is None

    def test_keys_are_listed_oldest_first(self, store: AccessStore) -> None:
        store.add_key(held("k1", minutes=5))
        store.add_key(held("k2"))
        assert [key.id for key in store.all_keys()] == ["k2", "k1"]

    def test_an_id_is_taken_once(self, store: AccessStore) -> None:
        store.add_key(held("k1"))
        with pytest.raises(ValueError, match="k1"):
            store.add_key(held("k1", minutes=1))
        assert store.key("k1") == held("k1")

    def test_the_first_key_is_stored_once_even_after_a_revoke(self, store: AccessStore) -> None:
        assert store.add_first_key(held("k1"))
        assert store.revoke_key("k1", START)
        assert not store.add_first_key(held("k2"))
        assert store.key("k2") is None

    def test_a_key_is_revoked_once_and_keeps_its_time(self, store: AccessStore) -> None:
        store.add_key(held("k1"))
        assert store.revoke_key("k1", START)
        assert not store.revoke_key("k1", START + timedelta(hours=1))
        assert not store.revoke_key("k2", START)
        found = store.key("k1")
        assert found is not None
        assert found.key.revoked == START

    def test_use_is_noted(self, store: AccessStore) -> None:
        store.add_key(held("k1"))
        store.key_used("k1", START)
        assert [key.last_used for key in store.all_keys()] == [START]

    def test_a_session_comes_back_until_it_is_ended(self, store: AccessStore) -> None:
        store.add_session(session(b"one"))
        assert store.session(b"one") == session(b"one")
        store.end_session(b"one")
        store.end_session(b"one")
        assert store.session(b"one") is None

    def test_a_session_is_prolonged(self, store: AccessStore) -> None:
        store.add_session(session(b"one"))
        store.prolong_session(b"one", START + timedelta(hours=20))
        found = store.session(b"one")
        assert found is not None
        assert found.expires == START + timedelta(hours=20)

    def test_a_new_session_sweeps_out_those_that_expired(self, store: AccessStore) -> None:
        store.add_session(session(b"old"))
        store.add_session(session(b"young", hours=11))
        assert store.session(b"old") is not None
        store.add_session(session(b"new", hours=12))
        assert store.session(b"old") is None
        assert store.session(b"young") is not None

    def test_a_secret_is_made_once_a_name(self, store: AccessStore) -> None:
        first = store.secret("pseudonyms")
        assert len(first) == 32
        assert store.secret("pseudonyms") == first
        assert store.secret("signing") != first


class AuditContract:
    """Inherit it with a fixture ``audit`` whose clock stands at ``START``."""

    def test_an_entry_comes_back_as_it_was(self, audit: Audit) -> None:
        audit.note(
            "key.create",
            who="ann",
            how="session",
            target="k1",
            reason="for the shop",
            detail={"scopes": ["read"], "客户": 1.5},
            outcome="refused",
        )
        (entry,) = audit.entries(9).items
        assert entry.at == START
        assert (entry.who, entry.how, entry.action) == ("ann", "session", "key.create")
        assert (entry.target, entry.reason, entry.outcome) == ("k1", "for the shop", "refused")
        assert entry.detail == {"scopes": ["read"], "客户": 1.5}

    def test_pages_run_from_the_newest_to_the_oldest(self, audit: Audit) -> None:
        for number in range(5):
            audit.note("act", who="ann", how="key", target=str(number))
        seen, before, pages = [], None, 0
        while pages == 0 or before is not None:
            page = audit.entries(2, before=before)
            seen += [entry.target for entry in page.items]
            before, pages = page.next, pages + 1
        assert (seen, pages) == (["4", "3", "2", "1", "0"], 3)

    def test_entries_of_one_person_or_target(self, audit: Audit) -> None:
        for who, target in (("ann", "a"), ("bob", "a"), ("ann", "b")):
            audit.note("act", who=who, how="key", target=target)
        assert [entry.target for entry in audit.entries(9, who="ann").items] == ["b", "a"]
        assert [entry.who for entry in audit.entries(9, target="a").items] == ["bob", "ann"]

    @pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "９", "9" * 30])
    def test_a_cursor_that_no_page_gave_is_refused(self, audit: Audit, cursor: str) -> None:
        with pytest.raises(ValueError, match="before"):
            audit.entries(9, before=cursor)
