"""Providers, where their settings are kept, and what models cost."""
