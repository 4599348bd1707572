"""Many runs from one YAML file: expansion to a manifest, launching, and standing."""
