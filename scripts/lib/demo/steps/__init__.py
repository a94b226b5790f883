"""The steps, one a file. Each makes something happen, waits until it is seen at the other end, and tells it."""
