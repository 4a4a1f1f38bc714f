"""What Prometheus and load balancers are told, on a port of its own."""
