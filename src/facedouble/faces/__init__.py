"""Finding faces, their landmarks, their alignment and their identity."""
