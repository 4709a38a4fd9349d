"""Events in, scores and actions out over HTTP."""
