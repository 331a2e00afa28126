"""The docs' pictures, tables and numbers, made from runs that `docs/pages.toml` states."""
