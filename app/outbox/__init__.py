"""Delivers events by mail and webhook: event, deliveries, claim, delivery, outcome.

`worker` runs the steps. `mail` and `webhooks` make the deliveries of an event and send them.
"""
