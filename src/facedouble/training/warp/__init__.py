"""Training pairs made on whole batches: a warped input, and the target it should be restored to."""
