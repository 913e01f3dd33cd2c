"""Tables and rules of a feedback portal. Independent of HTTP, settings and the terms of any dialect."""
