"""What is told unasked: which changes a client wants to hear of, and which it has heard of."""
