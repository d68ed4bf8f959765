"""What is in front of a face: a small network that finds it, what it learns from, and masks along a track."""
