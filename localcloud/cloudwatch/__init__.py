"""CloudWatch: metrics of the machines, and alarms that are really judged. moto stores alarms and never looks at them."""
