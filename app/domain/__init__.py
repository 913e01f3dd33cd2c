"""The world of a feedback portal: its rows and its rules. Knows nothing of HTTP, of settings or of any dialect's words."""
