"""Coming again: a customer who returns on a topic within days was not helped the first time.

An inbound contact is a repeat if there was one on its topic within the policy's hours before,
whatever that one said of itself: a better first contact must never make a worse second one. It is
felt as a matter not resolved, as of its own time, without the severity of a failure that was
told: it is inferred, and there may be another reason. Which contact came before which is by their
own times, so a late one still makes a later one a repeat.
"""

from pipeline.core.customer import Contact, Customer
from pipeline.core.perceive.changes import Change
from pipeline.core.policy.compiled import Policy


def come(customer: Customer, contact: Contact, policy: Policy) -> list[Change]:
    """Take an inbound contact down; returns what to book for it and for later ones."""
    repeats = policy.repeats
    same = [each for each in customer.contacts if each.topic == contact.topic]
    changes: list[Change] = []
    for later in (contact, *same):
        if later.again:
            continue
        if any(_led_to(earlier, later, repeats.within_s) for earlier in (contact, *same)):
            later.again = True
            value = later.weight * repeats.worth
            changes.append(Change(repeats.dimension, value, later.at_s))
    customer.contacts.append(contact)
    if len(customer.contacts) > policy.limits.contacts:
        oldest = min(customer.contacts, key=lambda each: each.at_s)
        customer.contacts[:] = [each for each in customer.contacts if each is not oldest]
    return changes


def is_repeat(customer: Customer, topic: bytes, at_s: float) -> bool:
    """Whether the contact of ``at_s`` on ``topic`` (a digest) had to be sought again."""
    return any(
        each.again for each in customer.contacts if each.topic == topic and each.at_s == at_s
    )


def _led_to(earlier: Contact, later: Contact, within_s: float) -> bool:
    return 0.0 < later.at_s - earlier.at_s <= within_s
