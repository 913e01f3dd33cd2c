"""The outbox: events that wait to be expanded, and the deliveries that they become.

`events` has the events, `deliveries` the emails and webhook calls.
"""
