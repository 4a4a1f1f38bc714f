"""One host: its folder, its PostgreSQL, the trial's clock, and the processes of `ondol up`."""
