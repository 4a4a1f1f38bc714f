"""What a host or an account is set up with: systemd's units, reverse proxies, containers, AWS."""
