"""The world of a feedback portal: its rows and its rules. Knows nothing of HTTP, settings or any dialect's words."""
