"""CloudWatch: metrics of the machines, and alarms that are judged. moto stores alarms and never looks at them."""
