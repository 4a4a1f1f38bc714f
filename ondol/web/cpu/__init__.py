"""The CPU of your own machine: a chart and a forecast that refresh by themselves."""
