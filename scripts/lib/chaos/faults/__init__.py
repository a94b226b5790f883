"""What is done to the world, when, and how it is made good again."""
