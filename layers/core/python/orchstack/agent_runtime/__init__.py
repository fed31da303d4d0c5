"""Agent runtime: carries a request to an agent through to an answer, whatever happens.

A run is a journal of steps in PostgreSQL. `loop` decides from the journal what comes next and does
nothing else; `driver` does it and writes it down before it goes on; `service` starts, resumes and
shows runs.

Functions: start_run, resume_run, advance_run, await_human, cancel_run, sweep_runs, list_runs,
get_run, list_steps, get_step, get_context, stream_run_events, replay_run, fork_run, diff_runs,
erase_run; record_outcome, get_outcome, review_run, list_outcomes, report_usage, measure_agent,
compare_versions, get_trace, export_traces.
Events out: RunStarted, RunCompleted, RunFailed, RunCancelled, RunErased, OutcomeReviewed.
Events in: RunCompleted, RunFailed, RunCancelled (for the outcomes and the traces).
"""
