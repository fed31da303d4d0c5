"""Building blocks of the house: a function, a consumed queue, a state machine, a database."""
