"""What many customers compete for: who gets it when a window closes, and why others do not.

Customers put themselves forward one by one; the campaign waits until all are known and answers each
of them. Nothing depends on the order in which they came.
"""
