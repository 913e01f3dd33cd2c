"""Notifications: which users an event concerns, how often they want to be told, and what they may see."""
