"""embedded_postgres."""
