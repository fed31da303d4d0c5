"""One construct a service: its functions, what feeds them and what they may touch."""
