"""HTTP for both dialects: requests, responses, bodies, proxies, request ids."""
