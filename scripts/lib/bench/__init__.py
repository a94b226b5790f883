"""Measures on real services, side by side: what Oplogue does, and what is possible with the same reads and writes."""
