"""EC2, with moto's models underneath and Amazon's behaviour on top."""
