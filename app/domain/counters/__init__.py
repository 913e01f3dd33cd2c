"""Stored numbers of posts, and their audit."""
