"""No text that people type keeps letters that nobody sees, and a new form cannot forget it."""

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django import forms
from django.core.exceptions import FieldDoesNotExist, ValidationError

import ondol
from ondol.accounts import people
from ondol.accounts.models import Approval, Role, User

HIDDEN = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u3164\u2800\u180e\u2062\U000e0061"
"""Overrides, embeddings, isolates and marks of direction; fillers and blanks; a tag."""
ELSEWHERE = {
    "LoginForm.password": "compared, never kept",
    "ChangePasswordForm.oldpassword": "compared, never kept",
    "ChangePasswordForm.password1": "kept as a hash",
    "ChangePasswordForm.password2": "compared, never kept",
    "ProviderSignupForm.username": "removed: nobody has a user name",
    "SignupForm.username": "removed: nobody has a user name",
    "LanguageForm.next": "an address of this site, never kept",
    "SshAddressForm.cidr": "parsed as an address",
    "FilterForm.q": "searched for, never kept",
    "PublicKeyForm.public_key": "parsed as a key, its comment too",
    "InviteForm.text": "parsed as rows, whose cells are checked",
    "SendForm.rows": "parsed as rows, whose cells are checked",
    "TerminateForm.email": "compared, never kept",
    "DecisionForm.reason": "people.py, for the API too; see below",
    "ReasonForm.reason": "people.py, for the API too; see below",
    "RejectForm.reason": "people.py, for the API too; see below",
}


def all_forms() -> list[type[forms.BaseForm]]:
    for module in pkgutil.walk_packages(ondol.__path__, "ondol."):
        if not {"migrations", "testing", "commands", "__main__"} & set(module.name.split(".")):
            importlib.import_module(module.name)
    return [form for form in below(forms.BaseForm) if form.__module__.startswith("ondol.")]


def below(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


def refuses(form: type[forms.BaseForm], name: str, field: forms.Field, text: str) -> bool:
    checks = list(field.validators)
    if model := getattr(getattr(form, "_meta", None), "model", None):
        with suppress(FieldDoesNotExist):
            checks += model._meta.get_field(name).validators
    for check in checks:
        try:
            check(text)
        except ValidationError:
            return True
    return False


def test_each_text_field_of_each_form_refuses_them_or_is_checked_elsewhere():
    found, open_fields = 0, set()
    for form in all_forms():
        for name, field in form.base_fields.items():
            if isinstance(field, forms.CharField):
                found += 1
                if not all(refuses(form, name, field, f"ab{letter}cd") for letter in HIDDEN):
                    open_fields.add(f"{form.__name__}.{name}")
    assert found >= 20
    assert open_fields <= set(ELSEWHERE), "let its validators be validate_shown or validate_prose"


@pytest.mark.django_db
def test_reasons_and_names_refuse_them_from_wherever_they_come():
    alice, bob, carol = (
        User.objects.create(email=f"{name.lower()}@example.org", name=name, approval=approval, role=role)
        for name, approval, role in (
            ("Alice", Approval.APPROVED, Role.ADMIN),
            ("Bob", Approval.APPROVED, Role.MEMBER),
            ("Carol", Approval.PENDING, Role.MEMBER),
        )
    )
    for letter in HIDDEN:
        text = f"on{letter}leave"
        for act in (
            lambda text=text: people.suspend(bob.pk, alice, text),
            lambda text=text: people.reject(carol.pk, alice, text),
            lambda text=text: people.add_user("dave@example.org", text),
        ):
            with pytest.raises((people.AccountError, ValidationError)):
                act()
    assert User.objects.count() == 3
    assert set(User.objects.values_list("decision_reason", flat=True)) == {""}
