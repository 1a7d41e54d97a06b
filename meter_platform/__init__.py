"""Half-hourly smart-meter readings into signed-off analytics."""
