"""Reading public web pages behind a fence: no address inside anybody's network is ever reached."""
