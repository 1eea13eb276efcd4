"""Programs: one readable file a task, one YAML a run."""
