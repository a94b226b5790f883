"""Looking on: at the source's and the target's change streams while everything goes on, at the topics when it is checked."""
