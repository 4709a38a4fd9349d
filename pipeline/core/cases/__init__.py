"""Cases with clocks: complaints and repairs, from their opening to the customer's own word."""
