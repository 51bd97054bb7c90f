"""HTTP: health, metrics and, on the same server, the API."""
