"""Where it runs: command line, settings, launchers, and the lifecycle of the embedded Redis."""
