"""Wrong formulas, one at a time, each with the property that must notice it."""

from typing import Final, NamedTuple


class Mutant(NamedTuple):
    """In ``module`` the text ``old`` becomes ``new``; ``test`` (of this folder) must fail then.

    ``property`` is the number of the property in the model, or "also".
    """

    property: str
    what: str
    module: str
    old: str
    new: str
    test: str


_CORE: Final = "pipeline.core."
_PERCEIVE: Final = "pipeline.core.perceive."
_POLICY: Final = "pipeline.core.policy."

_RANGE: Final = "test_range.py::test_every_reading_stays_in_its_range"
_PARTS: Final = "test_range.py::test_the_parts"
_BYTES: Final = "test_range.py::test_a_state_never_outgrows_the_arithmetic_of_its_policy"
_BETTER: Final = "test_monotone.py"
_ORDER: Final = "test_order.py::test_the_order_of_arrival_does_not_matter"
_AGAIN: Final = "test_order.py::test_an_event_seen_before_changes_nothing"
_REPLAY: Final = "test_order.py::test_a_replay_in_other_chunks_gives_the_same_bytes"
_TWELVE: Final = "test_failures.py::test_one_unresolved_failure_takes_exactly_twelve"
_LOSS: Final = "test_failures.py::test_a_loss_moves_more_than_an_equal_gain"
_CLIP: Final = "test_failures.py::test_one_touch_moves_no_more_than_the_largest_distance"
_FADES: Final = "test_fading.py::test_without_events"
_HALVES: Final = "test_fading.py::test_what_is_felt_halves_in_a_half_life"
_EACH_FADES: Final = "test_fading.py::test_with_several_half_lives"
_TIRES: Final = "test_fading.py::test_attention_of_one_day"
_FURTHER: Final = "test_fading.py::test_each_further_contact"
_APART: Final = "test_fading.py::test_contacts_apart"
_WEIGHTS: Final = "test_weights.py"
_REFUSED: Final = "test_weights.py::test_a_policy_that_breaks_the_rules"
_RIVAL: Final = "test_expectations.py::test_what_is_expected_never_falls_back_by_itself"
_OFFER: Final = "test_expectations.py::test_a_rivals_offer_never_makes"
_PROMISE: Final = "test_expectations.py::test_a_kept_promise"
_ENDS: Final = "test_expectations.py::test_how_a_promise_ends"
_STEADY: Final = "test_expectations.py::test_of_the_same_mean_the_steadier"
_USED: Final = "test_expectations.py::test_what_a_customer_is_used_to"

# Property, what is wrong, module, the text, what it becomes, the test.
_ROWS: Final = (
    ("1", "the ratio has no upper bound", _PERCEIVE + "ratio",
     "return ratio if ratio < _LARGEST else _LARGEST", "return ratio", _RANGE),
    ("1", "inconsistency takes quality below 0", _PERCEIVE + "ratio",
     "perceived=min(max(quality, 0.0), 1.0)", "perceived=quality", _RANGE),
    ("1", "habit takes expectation above 1", _PERCEIVE + "ratio",
     "expected=min(reference.level + lift, 1.0)", "expected=reference.level + 4 * lift", _RANGE),
    ("1", "an interval upside down", _PERCEIVE + "score",
     "low=points(base + total - margin)", "low=points(base + total + 2 * margin)", _RANGE),
    ("1", "no clip of the distance", _PERCEIVE + "contribution",
     "(-x if -x < largest else largest)", "(-x)", _CLIP),
    ("1", "gains are clipped late", _PERCEIVE + "contribution",
     "(x if x < largest else largest)", "(x if x < 2 * largest else largest)", _CLIP),
    ("2", "a longer wait feels better", _PERCEIVE + "evidence",
     "quality = level - slope * log(ratio)", "quality = level + slope * log(ratio)", _BETTER),
    ("2", "own experience inside the expectation", _PERCEIVE + "account",
     "account = _account(customer, felt.dimension, policy)\n",
     "account = _account(customer, felt.dimension, policy)\n"
     "        value -= 0.2 * account.long_quality / (account.long_weight or 1.0)\n", _BETTER),
    ("2", "justice adds to a failure", _PERCEIVE + "recovery",
     "(kappa - 1.0) * (1.0 - justice)", "(kappa - 1.0) * justice", _BETTER),
    ("2", "a reverse dimension is none", _POLICY + "plan",
     'direction = -1.0 if dimension.kano == "reverse" else 1.0', "direction = 1.0", _BETTER),
    ("2", "the worse it is the less it counts", _PERCEIVE + "contribution",
     "(-x if -x < largest else largest)", "(1.0 / -x)", _BETTER),
    ("3", "parts are rounded", _PERCEIVE + "score",
     "Part(name, left * per_logit)", "Part(name, round(left * per_logit, 6))", _PARTS),
    ("3", "parts by the slope at the baseline", _PERCEIVE + "score",
     "if abs(total) > _FLAT:", "if abs(total) > 1e9:", _PARTS),
    ("3", "named events are counted in the rest too", _PERCEIVE + "score",
     "rest[name] -= value", "rest[name] -= 0.0", _PARTS),
    ("3", "fatigue is no part", _PERCEIVE + "score",
     "if cost > 0.0:", "if cost > 1e9:", _PARTS),
    ("3", "a named event is of another dimension", _PERCEIVE + "score",
     "parts.append(Part(name, left * per_logit))",
     "parts.append(Part(next(iter(rest)), left * per_logit))", _PARTS),
    ("4", "a recovery counts from its own time on", _PERCEIVE + "account",
     "weights(customer, change.since_s)", "weights(customer, source.time_s)", _ORDER),
    ("4", "a late event counts as of its arrival", _PERCEIVE + "feel",
     "at = weights(customer, time_s)", "at = weights(customer, customer.as_of_s)", _ORDER),
    ("4", "moving a landmark loses a half-life", _PERCEIVE + "decay",
     "factors[decay] = ldexp(1.0, -shift)", "factors[decay] = ldexp(1.0, 1 - shift)", _ORDER),
    ("4", "what was heard before a failure is forgotten", _PERCEIVE + "recovery",
     "_copy_facts(group[0], found)", "pass", _ORDER),
    ("4", "the resolution heard of last counts", _PERCEIVE + "recovery",
     "or (at_s, justice) > known:", "or True:", _ORDER),
    ("4", "the end of a promise heard of last counts", _PERCEIVE + "promises",
     "if promise.outcome and (promise.outcome_s,", "if False and (promise.outcome_s,", _ORDER),
    ("4", "a late touch is judged by what is known now", _PERCEIVE + "feel",
     "context = context_at(customer, time_s, policy)",
     "context = context_at(customer, customer.as_of_s, policy)", _ORDER),
    ("4", "a late contact makes no later one a repeat", _PERCEIVE + "repeats",
     "for later in (contact, *same):", "for later in (contact,):", _ORDER),
    ("5", "only the last id is remembered", _CORE + "steps",
     "remember(customer, digest, policy.limits.remembered_events)",
     "remember(customer, digest, 1)", _AGAIN),
    ("5", "a duplicate is counted", _CORE + "steps",
     "if has_seen(customer, digest):\n",
     "if has_seen(customer, digest):\n        customer.events += 1\n", _AGAIN),
    ("5", "a duplicate is remembered again", _CORE + "steps",
     "    if has_seen(customer, digest):\n        return Outcome(customer, None)\n"
     "    remember(customer, digest, policy.limits.remembered_events)\n",
     "    known = has_seen(customer, digest)\n"
     "    remember(customer, digest, policy.limits.remembered_events)\n"
     "    if known:\n        return Outcome(customer, None)\n", _AGAIN),
    ("6", "kappa is 5", _POLICY + "numbers",
     "severity=file.score.unresolved_severity.value,", "severity=5.0,", _TWELVE),
    ("6", "losses are linear", _PERCEIVE + "contribution",
     "(-x if -x < largest else largest) ** curvature", "(-x if -x < largest else largest)",
     _TWELVE),
    ("6", "intensity counts twice in a failure", _PERCEIVE + "contribution",
     "value = -loss * policy.recovery.severity",
     "value = -loss * policy.recovery.severity * intensity", _TWELVE),
    ("7", "loss aversion is applied to gains", _POLICY + "plan",
     "gain=scale * k_gain,", "gain=score.loss_aversion.value * scale * k_gain,", _LOSS),
    ("7", "no loss aversion", _POLICY + "plan",
     "loss=score.loss_aversion.value * scale * k_loss,", "loss=scale * k_loss,", _LOSS),
    ("7", "no warning", _POLICY + "check",
     "and aversion * kano_factors(dimension.kano)[1] <=",
     "and 9 * aversion * kano_factors(dimension.kano)[1] <=", _LOSS),
    ("8", "fading by whole half-lives", _PERCEIVE + "decay",
     "landmarks[decay] - at_s / half_life_s)", "landmarks[decay] - at_s // half_life_s)", _HALVES),
    ("8", "fatigue is not weighed by its age", _PERCEIVE + "fatigue",
     "return cost * count / crowding", "return cost", _FADES),
    ("8", "too many contacts of all times cost alike", _PERCEIVE + "fatigue",
     "crowding = count * count / squared", "crowding = count", _FADES),
    ("8", "gains fade by half of their half-life", _PERCEIVE + "account",
     "(account.gains - account.losses) * scale[account.decay]",
     "account.gains * scale[1] * scale[1] - account.losses * scale[account.decay]", _FADES),
    ("8", "crowding fades backwards", _PERCEIVE + "fatigue",
     "crowd.squared * scale[CROWDING]", "crowd.squared / scale[CROWDING]", _EACH_FADES),
    ("9", "free contacts are not free", _PERCEIVE + "fatigue",
     "beyond = crowding - fatigue.free_contacts", "beyond = crowding", _TIRES),
    ("9", "quadratic for ever", _PERCEIVE + "fatigue",
     "if beyond <= width:", "if beyond > 0.0:", _TIRES),
    ("9", "the cost has an upper bound", _PERCEIVE + "fatigue",
     "fatigue.cost * width * (beyond - width / 2.0)", "fatigue.cost * width * width / 2.0",
     _FURTHER),
    ("9", "contacts apart crowd more", _PERCEIVE + "fatigue",
     "crowding = count * count / squared", "crowding = count * count / squared / squared", _APART),
    ("10", "weights are not normalised", _POLICY + "weights",
     "pooled * named[name] / total if", "pooled * named[name] if", _WEIGHTS),
    ("10", "the others each get the whole rest", _POLICY + "weights",
     "(1.0 - pooled) / others", "1.0 - pooled", _WEIGHTS),
    ("10", "the intent is not looked at", _POLICY + "weights",
     "file.intents.get(intent, {})", "{}", _WEIGHTS),
    ("10", "a weight may be zero", _POLICY + "constants",
     "Positive = Annotated[float, Field(gt=0)]", "Positive = Annotated[float, Field(ge=0)]",
     _REFUSED),
    ("10", "an unknown dimension passes", _POLICY + "check",
     "if name not in file.dimensions:", "if name in ():", _REFUSED),
    ("10", "the line is one off", _POLICY + "nodes",
     "return line + 1", "return line", _REFUSED),
    ("11", "sums go by address in memory", _PERCEIVE + "account",
     "for account in customer.dimensions.values():\n        total +=",
     "for account in sorted(customer.dimensions.values(), key=id):\n        total +=", _REPLAY),
    ("11", "a chunk puts its state in order", "pipeline.stages.perceive",
     "return Stepped(CODEC.encode(customer), outputs, duplicates)",
     "customer.kept.sort()\n        return Stepped(CODEC.encode(customer), outputs, duplicates)",
     _REPLAY),
    ("11", "the id of an action is drawn", "schemas.ids",
     '"\\x00".join((action, customer, source, event_id))',
     '"\\x00".join((action, customer, source, event_id, __import__("uuid").uuid4().hex))', _REPLAY),
    ("11", "a chunk's score is as of its first event", "pipeline.stages.perceive",
     "full_score(name, customer, policy, customer.as_of_s)",
     "full_score(name, customer, policy, customer.as_of_s + len(inputs))", _REPLAY),
    ("also", "remembered ids pile up", _CORE + "customer",
     "(customer.seen + digest)[-DIGEST_BYTES * most :]", "customer.seen + digest", _BYTES),
    ("also", "named events are not held to their bytes", _PERCEIVE + "account",
     "or customer.kept_bytes > limits.kept_bytes:", "or False:", _BYTES),
    ("also", "failures on record pile up", _PERCEIVE + "recovery",
     "if len(customer.failures) > policy.limits.failures:", "if False:", _BYTES),
    ("also", "a rival's offer is forgotten again", _PERCEIVE + "expectation",
     "competition, settled = rival\n",
     "competition, settled = rival[0] - rival[1] * (rival[0] - norm), rival[1]\n", _RIVAL),
    ("also", "a rival below the norm lowers it", _PERCEIVE + "expectation",
     "if rival is not None and rival[0] > max(norm, total / surely):",
     "if rival is not None:", _OFFER),
    ("also", "a broken promise is as one kept late", _POLICY + "numbers",
     "broken = _worth(file, name, qualities[3], severity)", "broken = late", _PROMISE),
    ("also", "late is as good as in time", _PERCEIVE + "promises",
     "return LATE if promise.outcome == KEPT and late else",
     "return WITHDRAWN if promise.outcome == KEPT and not late else", _ENDS),
    ("also", "wavering service is worth more", _PERCEIVE + "ratio",
     "quality -= constants.inconsistency *", "quality += constants.inconsistency *", _STEADY),
    ("also", "habits lower the score", _PERCEIVE + "account",
     "account = _account(customer, felt.dimension, policy)\n",
     "account = _account(customer, felt.dimension, policy)\n"
     "        value -= 0.01 * policy.ratio.experience_share * account.long_quality\n", _USED),
)  # fmt: skip

MUTANTS: Final = tuple(Mutant(*row) for row in _ROWS)
