"""Agent runtime: carries a request to an agent through to an answer, whatever happens.

A run is a journal of steps in PostgreSQL. `loop` decides from the journal what comes next and does
nothing else; `driver` does it and writes it down before it goes on; `service` starts, resumes and
shows runs.

Functions: start_run, list_runs, get_run, advance_run, record_outcome.
Events out: RunStarted, RunCompleted, RunFailed.
Events in: RunCompleted, RunFailed (for the outcomes).
"""
