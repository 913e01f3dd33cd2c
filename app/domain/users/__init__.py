"""Users, their API keys and their deletion."""
