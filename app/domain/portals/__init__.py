"""A portal and its catalogue: boards, tabs, statuses, sections, categories and tags."""
