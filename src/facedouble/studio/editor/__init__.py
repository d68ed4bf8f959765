"""The editor of single frames: landmarks, crops and masks that a person sets."""
