"""An explanation as it is answered: the numbers of the core, and the same in words."""

from pipeline.core.perceive.explain import Explanation


class ExplanationInWords(Explanation, frozen=True, kw_only=True):
    """The difference between a customer's score and the baseline, in points and in words.

    ``words`` are sentences in ``language``, with days in UTC; the figures in those about touches
    add up to the difference that the first one names.
    """

    language: str
    words: tuple[str, ...]
