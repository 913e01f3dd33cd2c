"""Two dialects at one address. Each translates; neither decides."""
