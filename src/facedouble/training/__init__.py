"""Training: data, warps, losses, checkpoints, and the loop."""
