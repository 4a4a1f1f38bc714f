"""Templates read only what their page object has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from django.contrib.messages.storage.base import BaseStorage
from django.http import HttpRequest

import ondol.web
from ondol.accounts.models import User
from ondol.policy.catalog import all_rules
from ondol.web import urls as _all_pages  # noqa: F401  whose import makes every page known
from ondol.web.announcement.shown import Board
from ondol.web.context import Site
from ondol.web.errors import providers as _their_pages  # noqa: F401
from ondol.web.machine.page import MachinePage
from ondol.web.page import Page
from ondol.web.person.forms import ReasonForm
from ondol.web.policy.form import PolicyForm
from tests.web.template_types import MADE_FIELDS, Checker

FOLDER = Path(ondol.web.__file__).parent / "templates"
PROCESSORS: dict[str, Any] = {
    "request": HttpRequest,
    "user": User,
    "messages": BaseStorage,
    "LANGUAGE_CODE": str,
    "site": Site,
    "board": Board,
    "has_passwords": bool,
}
OF_OTHERS = ("account", "allauth", "mfa", "socialaccount", "usersessions", "mail")
"""Templates that allauth or e-mails render, with data of their own.

Our own account pages are read by their page objects.
"""

MADE_FIELDS[PolicyForm] = {name for rule in all_rules() for name in rule.form_fields()}


def pages() -> list[type[Page]]:
    found, new = [], [Page]
    while new:
        subclasses = [page for parent in new for page in parent.__subclasses__()]
        found += [page for page in subclasses if page.template or page.fragment]
        new = subclasses
    return sorted(found, key=lambda page: page.__name__)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.__name__)
def test_a_page_has_all_that_its_templates_read(page):
    checker = Checker(PROCESSORS)
    checker.check(page)
    assert not checker.found


def test_no_template_is_left_out():
    """A template that no page object names is a page about an error, which gets no data but when to come back."""
    checker = Checker(PROCESSORS)
    for page in pages():
        checker.check(page)
    ours = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html")}
    left = {name for name in ours - checker.read if not name.startswith(OF_OTHERS)}
    for name in left:
        checker.template(name, {**PROCESSORS, "seconds": int})
    assert not checker.found
    assert {name.partition("/")[0] for name in left} <= {"errors", "429.html"}


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("{{ page.card.titel }}", "MachineCard has no 'titel'"),
        ("{{ page.card.instance.public_pi }}", "Instance has no 'public_pi'"),
        ("{% if page.cart %}{% endif %}", "MachinePage has no 'cart'"),
        ("{% if page.status == 'X' and not page.statis %}{% endif %}", "MachinePage has no 'statis'"),
        ("{% for step in page.card.steps %}{{ step.lable }}{% endfor %}", "Step has no 'lable'"),
        ("{% for one in page.card.staps %}{% endfor %}", "MachineCard has no 'staps'"),
        ("{% with offers=page.offer.sizes %}{{ offers.chosen.prize }}{% endwith %}", "Choice has no 'prize'"),
        ("{% for kind in page.offer.sizes.types %}{{ kind.price.hour }}{% endfor %}", "Price has no 'hour'"),
        ("{% include 'costs/budget.html' with budget_status=page.offer %}", "Offer has no 'is_used_up'"),
        ("{% include 'costs/money.html' with mony=page.statement.bill.total %}", "no name 'money' here"),
        ("{% load i18n %}{% blocktranslate with n=page.cpu.paze %}{{ n }}{% endblocktranslate %}", "has no 'paze'"),
        ("{% load i18n %}{% blocktranslate %}{{ n }}{% endblocktranslate %}", "no name 'n' here"),
        ("{% url 'machine' page.pk as there %}{{ there }}", "MachinePage has no 'pk'"),
        ("{{ page.card.title|default:page.tittle }}", "MachinePage has no 'tittle'"),
        ("{{ page.card.now.yaer }}", "datetime has no 'yaer'"),
        ("{{ card }}", "no name 'card' here"),
        ("{% if form.reson %}{% endif %}", "ReasonForm has no 'reson'"),
    ],
)
def test_a_typo_is_found_wherever_it_stands(source, wrong):
    checker = Checker(PROCESSORS)
    checker.text(source, {"page": MachinePage, "form": ReasonForm})
    assert any(wrong in found for found in checker.found)


def test_a_template_named_by_a_literal_is_read_too():
    @dataclass(frozen=True)
    class Part:
        template: Literal["costs/budget.html", "icons/dot.svg"]

    checker = Checker(PROCESSORS)
    checker.text("{% include part.template with budget_status=page.offer %}", {"page": MachinePage, "part": Part})
    assert any("Offer has no 'is_used_up'" in found for found in checker.found)
    assert checker.read == {"costs/budget.html", "icons/alert.svg", "icons/dot.svg"}


def test_what_is_there_is_not_found_wrong():
    checker = Checker(PROCESSORS)
    checker.text(
        "{% for step in page.card.steps %}{{ forloop.first }}{{ step.label.upper }}{% endfor %}"
        "{{ page.card.instance.owner.name }}{{ page.statement.lines.0.money.usd }}{{ site.trial_clock.speed }}",
        {"page": MachinePage},
    )
    assert not checker.found
