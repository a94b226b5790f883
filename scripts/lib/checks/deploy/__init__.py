"""Checks of the files that run Oplogue elsewhere. One file of tests per kind of file; none starts anything."""
