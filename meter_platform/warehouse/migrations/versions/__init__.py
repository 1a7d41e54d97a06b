"""The steps, in order; each says what changed then."""
