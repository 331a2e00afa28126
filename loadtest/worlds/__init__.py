"""Where a run takes place: native processes or the stack, and everything that a run starts there."""
