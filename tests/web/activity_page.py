"""The page of activity as its tests read it."""

import re

PAGE, FILE, MINE = "/admin/activity/", "/admin/activity/csv/", "/settings/activity/"


def acts(browser, /, path=PAGE, **query):
    """Return what the lines say that were done."""
    page = browser.get(path, query).text
    return re.findall(r"<strong>(.*?)</strong>", page)
