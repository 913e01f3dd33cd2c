"""What an operator sees of a running server: the log, metrics and traces."""
