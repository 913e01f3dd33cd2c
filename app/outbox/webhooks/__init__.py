"""Webhook calls: which calls an event has, in the format of each dialect, their signature, and sending them."""
