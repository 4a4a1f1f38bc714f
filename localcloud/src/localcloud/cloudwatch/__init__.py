"""CloudWatch: metrics of the machines, and alarms that are evaluated. moto stores alarms and never evaluates them."""
