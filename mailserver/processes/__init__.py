"""The running server: a parent that binds the ports and workers that serve them."""
