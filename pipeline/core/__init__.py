"""The pure heart: the same call gives the same answer; no clock, no dice, no input or output."""
