"""What the tests share: throw-away servers and real peers."""
