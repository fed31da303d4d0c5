"""What a run is made of: its steps, its record, and the events that tell of it."""
