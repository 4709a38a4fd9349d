"""Cases with clocks: a complaint made good in six steps, a repair in time, and what if not."""
