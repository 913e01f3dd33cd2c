"""Stored counts of posts, and their audit."""
