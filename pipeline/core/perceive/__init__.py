"""From what was seen in a touch to how the service feels: evidence, contribution, score."""
