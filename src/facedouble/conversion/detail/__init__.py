"""Real detail: what the model cannot draw of the wanted person, carried over from their own footage."""
