"""Replays streams made of a number, and prints a digest of all that came out.

``python -m tests.property.replaying NUMBER``: in two processes that hash strings differently the
digest must be the same.
"""

import sys
from hashlib import blake2b
from random import Random

from pipeline.stages.perceive import PerceiveStage
from tests.property.lives import read
from tests.property.policies import random_sample, roomy_default
from tests.property.streams import Events, made
from tests.property.touches import FAMILIES, TWO_YEARS_S


def digest_of_replay(number: int) -> str:
    """A digest of the states, scores, contributions and actions of some streams, in hex."""
    found, random = blake2b(digest_size=16), Random(number)
    for sample in (roomy_default(), random_sample(0, one_half_life=False)):
        stage = PerceiveStage(sample.policy, version="1")
        for _ in range(40):
            inputs, state = read(_stream(random), sample.policy), None
            for start in range(0, len(inputs), 7):
                stepped = stage.step(b"customer-1", state, inputs[start : start + 7], 0)
                state = stepped.state
                for output in stepped.outputs:
                    found.update(output.value)
            found.update(state or b"")
    return found.hexdigest()


def _stream(random: Random) -> Events:
    return [
        made(
            random.choice(sorted(FAMILIES)),
            random.getrandbits(32),
            random.uniform(0, TWO_YEARS_S),
            f"e-{n}",
        )
        for n in range(40)
    ]


if __name__ == "__main__":
    print(digest_of_replay(int(sys.argv[1])))
