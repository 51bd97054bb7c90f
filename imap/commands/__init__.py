"""What each command does: one file per family, coroutines of a Session that give an Answer."""
