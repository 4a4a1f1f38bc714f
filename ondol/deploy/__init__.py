"""Files that set up a host or an AWS account: systemd's units, reverse proxies, containers, CloudFormation."""
