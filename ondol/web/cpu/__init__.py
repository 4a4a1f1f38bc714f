"""The CPU of one's own machine: a chart and a forecast that look for news by themselves."""
