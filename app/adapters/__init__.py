"""The tools: database, files, limits. Each behind a small face."""
