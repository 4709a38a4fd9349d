"""Worked examples: what customers live through, told in plain words and reckoned by hand."""
