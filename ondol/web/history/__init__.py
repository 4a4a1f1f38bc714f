"""What has happened to a machine, run by run."""
