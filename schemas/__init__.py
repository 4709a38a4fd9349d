"""What crosses a border: the contracts of events in and of scores, care and dead letters out."""
