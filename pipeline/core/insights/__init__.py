"""What sums and counts say of the service: levels, trends, estimates; pure."""
