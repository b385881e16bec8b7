"""Protection from slow dependencies, and the measurements of their calls."""
