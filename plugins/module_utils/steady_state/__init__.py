"""A role's steady state: what may be asked for (arguments), how it travels (wire), and who brings it about (agent)."""
