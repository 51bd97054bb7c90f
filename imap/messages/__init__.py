"""What is told of messages: ready-made bytes, sections of what is stored, and a cache of both."""
