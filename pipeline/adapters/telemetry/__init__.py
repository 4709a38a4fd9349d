"""What operators watch: the metric catalogue and the log."""
