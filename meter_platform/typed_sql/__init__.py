"""typed_sql."""
