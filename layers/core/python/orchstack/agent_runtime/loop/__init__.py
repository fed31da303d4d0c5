"""The agent loop as a pure decision: what the journal says in, the next command out."""
