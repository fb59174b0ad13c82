"""A wire between two hosts that cannot reach each other: both ends are programs on SSH's standard input and output."""
