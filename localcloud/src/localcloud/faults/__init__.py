"""Making the cloud fail on purpose: off unless started with `--faults`."""
