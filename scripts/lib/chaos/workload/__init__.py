"""What is written at the source, from a seed; who writes it, how fast. What became of a write is not asked: the source's own stream
tells it."""
