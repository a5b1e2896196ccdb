"""How it flows: pipelines composed of named steps, nothing else."""
