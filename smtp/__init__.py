"""Floor 4, the doors for mail that comes in: port 25, and submission on 587 and 465."""
