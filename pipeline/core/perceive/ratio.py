"""The satisfaction ratio: what is perceived over what this customer expects by now.

``R = sum(w * Q) / sum(w * E)`` over the dimensions felt so far, 1 as expected. ``Q`` is the
remembered quality, shrunk to what is usual (the tier's norm, raised by habit) while there is
little evidence, less its inconsistency: the same mean with more variance is worth less. ``E`` is
the reference expectation, raised by the own experience: good service once given becomes the norm,
poor service does not lower it. That makes ``R`` ask "is this still enough?", and is why it is kept
apart from the score.
"""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

from pipeline.core.customer import Account, Customer
from pipeline.core.perceive.decay import EVIDENCE, EXPERIENCE, Scales
from pipeline.core.perceive.expectation import Context, Expected, expected_of
from pipeline.core.policy.compiled import Policy
from pipeline.core.policy.numbers import Ratio, Standing
from schemas.perception import Band, DimensionReading

_LARGEST = 2.0
_NO_VARIANCE = 1e-12  # rounding of equal qualities
_ROUNDING = 1e-9  # exactly as expected must not read as less


class Reading(NamedTuple):
    """The overall ratio, its band, and what it is made of."""

    ratio: float
    band: Band
    dimensions: tuple[DimensionReading, ...]


def read_ratio(
    customer: Customer, tier: str, context: Context | None, policy: Policy, scale: Scales
) -> Reading:
    """The ratio of a customer; 1 where nothing was felt. ``scale`` says as of when."""
    standing = policy.standing[tier]
    readings: list[DimensionReading] = []
    perceived = expected = weight = 0.0
    for name, account in customer.dimensions.items():
        counts = standing.get(name)
        if counts is None or account.weight <= 0.0:
            continue
        reading = _dimension(counts, account, context, policy, scale)
        readings.append(reading)
        perceived += reading.weight * reading.perceived
        expected += reading.weight * reading.expected
        weight += reading.weight
    ratio = bounded(perceived, expected)
    adequate = max(expected - policy.ratio.zone * weight, 0.0) / expected if expected > 0.0 else 0.0
    return Reading(ratio, band_of(ratio, adequate, policy.ratio), tuple(readings))


def bounded(perceived: float, expected: float) -> float:
    """``perceived / expected`` in [0, 2]; 1 where neither is anything."""
    if expected <= 0.0:
        return 1.0 if perceived <= 0.0 else _LARGEST
    ratio = perceived / expected
    return ratio if ratio < _LARGEST else _LARGEST


def band_of(ratio: float, adequate: float, constants: Ratio) -> Band:
    """Below what is adequate it fails, below the target it is tolerated, above it overdone."""
    if ratio < adequate - _ROUNDING:
        return "failing"
    if ratio < constants.target_low - _ROUNDING:
        return "tolerated"
    return "satisfied" if ratio <= constants.target_high + _ROUNDING else "over_delivery"


def over_servicing(ratio: float, cost: float, constants: Ratio) -> float:
    """The part of ``cost`` that bought what lies above the target band."""
    return cost * (1.0 - constants.target_high / ratio) if ratio > constants.target_high else 0.0


def layer_ratios(
    dimensions: tuple[DimensionReading, ...], layers: Mapping[str, str]
) -> dict[str, float]:
    """The ratio of each layer, from the readings of its dimensions."""
    sums: dict[str, tuple[float, float]] = {}
    for reading in dimensions:
        layer = layers[reading.dimension]
        perceived, expected = sums.get(layer, (0.0, 0.0))
        sums[layer] = (
            perceived + reading.weight * reading.perceived,
            expected + reading.weight * reading.expected,
        )
    return {layer: bounded(*both) for layer, both in sums.items()}


def quality_of(account: Account, usual: float, scale: Scales, constants: Ratio) -> float:
    """The remembered quality of a dimension, shrunk to ``usual``, without its inconsistency."""
    weight = account.weight * scale[EVIDENCE]
    quality = account.quality * scale[EVIDENCE]
    prior = constants.quality_prior
    return (quality + prior * usual) / (weight + prior)


def _dimension(
    counts: Standing, account: Account, context: Context | None, policy: Policy, scale: Scales
) -> DimensionReading:
    constants = policy.ratio
    if context is None:
        reference = Expected(counts.expected, counts.norm, None, None, counts.cue)
    else:
        reference = expected_of(context, counts, policy.expectation)
    lift = _experience(account, reference.level, scale, constants)
    # What one is used to is also what one takes for granted where there is little to remember.
    quality = quality_of(account, min(counts.norm + lift, 1.0), scale, constants)
    quality -= constants.inconsistency * _deviation(account, scale, constants)
    return DimensionReading(
        counts.dimension,
        perceived=min(max(quality, 0.0), 1.0),
        expected=min(reference.level + lift, 1.0),
        weight=counts.weight,
        norm=reference.norm,
        competition=reference.competition,
        promise=reference.promise,
        cue=reference.cue,
        experience=lift,
    )


def _deviation(account: Account, scale: Scales, constants: Ratio) -> float:
    """The standard deviation of the remembered quality, shrunk to none."""
    mean = account.quality / account.weight
    variance = account.square / account.weight - mean * mean
    if variance <= _NO_VARIANCE:
        return 0.0
    weight = account.weight * scale[EVIDENCE]
    return sqrt(variance * weight / (weight + constants.quality_prior))


def _experience(account: Account, level: float, scale: Scales, constants: Ratio) -> float:
    """What the own experience adds to the expectation: the ratchet, so never below zero."""
    weight = account.long_weight * scale[EXPERIENCE]
    if weight <= 0.0:
        return 0.0
    above = account.long_quality / account.long_weight - level
    if above <= 0.0:
        return 0.0
    return constants.experience_share * weight / (weight + constants.experience_prior) * above
