"""Which causes were decided on, and which of the actions have ended: digests of ids, so many.

Of an action that ended the digest is another one, so that one place tells both.
"""

from pipeline.core.care.memory import Care
from pipeline.core.customer import DIGEST_BYTES, digest_of


def was_decided(care: Care, identity: str) -> bool:
    """Whether there is a decision for the action of this id, be it one to wait."""
    return is_done(care, identity) or any(each.id == identity for each in care.pending)


def is_done(care: Care, identity: str) -> bool:
    """Whether the action of this id was decided on."""
    digest = digest_of(identity)
    return _at(care.done, digest) >= 0 or _at(care.done, _ended(digest)) >= 0


def remember_done(care: Care, identity: str, most: int) -> None:
    """Remember that it was decided on; the oldest gives way beyond ``most``."""
    if not is_done(care, identity):
        care.done = (care.done + digest_of(identity))[-DIGEST_BYTES * most :]


def end(care: Care, identity: str) -> bool:
    """Remember that it has ended; false if it had before. Of what is forgotten, nobody knows."""
    digest = digest_of(identity)
    if _at(care.done, _ended(digest)) >= 0:
        return False
    at = _at(care.done, digest)
    if at >= 0:
        care.done = care.done[:at] + _ended(digest) + care.done[at + DIGEST_BYTES :]
    return True


def _ended(digest: bytes) -> bytes:
    return digest[:-1] + bytes((digest[-1] ^ 0xFF,))


def _at(done: bytes, digest: bytes) -> int:
    at = done.find(digest)
    while at >= 0 and at % DIGEST_BYTES:  # a match across two digests is none
        at = done.find(digest, at + 1)
    return at
