"""What runs without anyone asking: the sensor on new reading files, and the morning's schedule."""
