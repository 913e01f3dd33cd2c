"""HTTP, whichever dialect is spoken: requests, responses, bodies, request ids."""
