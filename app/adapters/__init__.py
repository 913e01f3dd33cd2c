"""The adapters for the database, file storage, images, passwords and rate limits, each with a small interface."""
