"""OrchStack: run AI agents in production, kept apart per tenant, within budget, and provable afterwards."""
