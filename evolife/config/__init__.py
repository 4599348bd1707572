"""The typed config of a run: files, overrides, validation, schema."""
