"""Users: rules, queries, groups, API keys, deletion."""
