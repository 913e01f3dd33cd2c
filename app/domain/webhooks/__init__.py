"""Webhooks: the endpoints of a portal and the rules of their use."""
