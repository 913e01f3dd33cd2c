"""A portal and its catalogue: boards, tabs, statuses, sections and categories."""
