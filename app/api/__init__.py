"""The HTTP APIs: two dialects of one domain, at one address."""
