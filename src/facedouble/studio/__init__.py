"""The studio: the whole job in a browser on this machine."""
