"""Patterns of personal data and secrets, and their redaction in a text that arrives in pieces."""
