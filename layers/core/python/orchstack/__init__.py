"""OrchStack: run AI agents in production, kept apart per tenant, within budget, and on record."""

__version__ = "0.1.0"
