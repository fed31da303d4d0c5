"""Detectors beside the patterns."""
