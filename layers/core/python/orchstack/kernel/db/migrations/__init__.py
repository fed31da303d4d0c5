"""Numbered SQL files, run in order by `kernel.db.migrate`; forward only."""
