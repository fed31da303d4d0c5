"""One module for each group of commands: read the arguments, make one call, show the answer."""
