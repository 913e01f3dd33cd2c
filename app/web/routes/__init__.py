"""The routes of pages, files, documents and health checks."""
