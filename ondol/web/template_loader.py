"""How templates are read: once, and without their indentation."""

import re
from typing import Any, cast

from django.template import Template
from django.template.base import TextNode
from django.template.loaders import cached

_INDENT = re.compile(r"\n\s+")


class Loader(cached.Loader):
    """Removes the indentation of templates: a tenth of a page, without meaning in HTML."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        """Return a template; it is read at its first use."""
        is_read = self.cache_key(template_name, skip) in self.get_template_cache
        template = super().get_template(template_name, skip)
        if not is_read and template_name.endswith(".html"):
            for text in template.nodelist.get_nodes_by_type(TextNode):
                cast(TextNode, text).s = _INDENT.sub("\n", cast(TextNode, text).s)
        return template
