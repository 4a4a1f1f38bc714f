"""What Prometheus and load balancers read, on a port of its own."""
