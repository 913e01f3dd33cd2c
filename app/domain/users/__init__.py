"""Users: rules, queries, API keys, deletion."""
