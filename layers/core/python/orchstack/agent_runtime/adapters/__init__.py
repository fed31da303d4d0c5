"""How the agent runtime reaches the world; only the wiring chooses among these."""
