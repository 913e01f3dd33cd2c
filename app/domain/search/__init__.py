"""The search for posts about the same thing."""
