"""Packages: what an upgrade would do, and which processes still run what was there before."""
