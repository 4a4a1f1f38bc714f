"""allauth's account adapter for our users."""

from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.core import context as context_of_request
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from ondol.accounts import admission, known_browser, letter_limits, letters, old_address, proof, providers, recorder
from ondol.accounts.models import Approval, Invitation, User, check_new_password, validate_email_length
from ondol.accounts.places import is_here
from ondol.accounts.recent import signed_in_recently
from ondol.audit.record import Action, asker, write
from ondol.config import config
from ondol.language import chosen_in, chosen_just_now_in, forget_choice, language_of


class AccountAdapter(DefaultAccountAdapter):
    """Adapts allauth to our user, who has one name and no user name."""

    def is_safe_url(self, url: str) -> bool:
        """Return whether allauth may lead a browser there, which is the rule of all other pages."""
        return is_here(context_of_request.request, url)

    def clean_email(self, email: str) -> str:
        """Return the address, or raise ValidationError if it is too long. allauth calls this at sign-up, also by a
        provider, and at a change."""
        validate_email_length(email)
        return email

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether people may ask for an account with a password."""
        return config().password_sign_in

    def clean_password(self, password: str, user: Any = None) -> str:
        """Return a new password, or raise ValidationError if it is weak. allauth calls this wherever one is chosen."""
        check_new_password(password, user)
        return password

    def can_delete_email(self, email_address: Any) -> bool:
        """Return whether an address may be deleted: never the one that somebody signs in with."""
        return email_address.email.lower() != email_address.user.email.lower() and super().can_delete_email(
            email_address
        )

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Confirm an address, unless somebody else has signed up with it since the e-mail was sent."""
        try:
            with transaction.atomic():
                user = User.objects.select_for_update().get(pk=email_address.user_id)
                old = user.email
                if old.lower() != email_address.email.lower() and not _may_change(user, email_address.email):
                    messages.error(request, _("This change of address is no longer possible."))
                    return False
                is_confirmed = bool(super().confirm_email(request, email_address))
                if is_confirmed:
                    write(Action.EMAIL_PROVEN, by=asker(), on=email_address.user, email=email_address.email)
                if (user := User.objects.get(pk=email_address.user_id)).email != old:
                    old_address.made(user, old)
        except IntegrityError:
            messages.error(request, _("Somebody has just signed up with this address."))
            return False
        if is_confirmed:
            admission.admit(email_address.user)
        return is_confirmed

    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign in.

        The first time, the language of the page becomes the person's unless another one has been set for them; later
        their own language wins.
        """
        if user.last_login is None and _takes_language_of_page(request, user):
            user.language = language_of(request)
            user.save(update_fields=["language"])
        super().login(request, user)
        if not get_authentication_records(request, user):  # at sign-up, whose password allauth does not count
            record_authentication(request, user, "signup")

    def post_login(self, request: HttpRequest, user: Any, **about: Any) -> Any:
        """Apply the institute's rules to what a provider says of this person, before any page is shown."""
        admission.admit(user, (about["signal_kwargs"] or {}).get("sociallogin"))
        response = super().post_login(request, user, **about)
        known_browser.remember(response, user)
        forget_choice(response)
        return response

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count a sign-in as failed until it has succeeded; in a browser that the person used before, separately."""
        try:
            self._count_sign_in(request, credentials)
        except ValidationError:
            recorder.too_many(request, str(credentials.get("email", "")))
            raise

    def _count_sign_in(self, request: HttpRequest, credentials: dict[str, Any]) -> None:
        if not known_browser.knows(request, str(credentials.get("email", ""))):
            super().pre_authenticate(request, **credentials)
            return
        key = f"{self._get_login_attempts_cache_key(request, **credentials)}:known"
        limits = {"login_failed": known_browser.LIMIT}
        # allauth reads this attribute when it takes the count back.
        self._login_failed_rl_usage = ratelimit.consume(
            request, app="allauth.account", action="login_failed", config=limits, key=key
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Return who has these credentials. For an unproven address, the right password is refused like a wrong one.

        Otherwise, whoever signs up and signs in with somebody's address would learn whether it has an account.
        """
        user = super().authenticate(request, **credentials)
        if user and config().email_verification == "mandatory" and not proof.is_proven(cast(User, user)):
            return None  # it counts like a wrong password
        if user:
            super()._rollback_login_failed_rl_usage()
        return user

    def _rollback_login_failed_rl_usage(self) -> None:
        """Do nothing: allauth calls it too early. `authenticate` takes the count back once it has decided."""

    def validation_error(self, code: str, *args: Any) -> Any:
        """Return one of allauth's errors; for a failed sign-in, one that also names another possible cause."""
        if code == "email_password_mismatch" and config().email_verification == "mandatory":
            text = _(
                "Address and password are not correct together, or the address is not proven yet. Then open the link "
                "in the e-mail that came to it, or have another one sent by “Forgot your password?”."
            )
            return ValidationError(text, code=code)
        return super().validation_error(code, *args)

    def is_reauthentication_required(self, *, app: str, **_kwargs: Any) -> bool:
        """Return whether allauth's own pages ask for reauthentication: by our rule, a recent sign-in is enough."""
        return not signed_in_recently(context_of_request.request)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Return the methods of reauthentication, in the order of the page."""
        methods = super().get_reauthentication_methods(user)
        if not config().password_sign_in:
            methods = [method for method in methods if method["id"] != "reauthenticate"]
        if user.is_authenticated and providers.accounts_of(user):
            way = {"description": _("Sign in again where you have your account"), "url": reverse("step_up_providers")}
            methods.append({"id": "providers", **way})
        return methods

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> User:
        """Save the answers of the sign-up form. A worker finds the new request and announces it."""
        user.email = form.cleaned_data["email"]
        form.fill(user)
        if password := form.cleaned_data.get("password1"):
            user.set_password(password)
        else:
            user.set_unusable_password()
        if commit:
            _insert(request, user)
        return cast(User, user)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Enqueue one of allauth's e-mails; those with a secret come by the two methods below."""
        letter_limits.write_later(context_of_request.request, template_prefix, email)

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """Enqueue the e-mail without the link that allauth has made: the job makes its own."""
        letter_limits.write_later(context_of_request.request, letters.RESET, email, user.pk)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        """Enqueue the e-mail without the link that allauth has made: the job makes its own."""
        address = emailconfirmation.email_address
        template = letters.CONFIRM_AT_SIGN_UP if signup else letters.CONFIRM
        letter_limits.write_later(request, template, address.email, address.pk)
        if "action_send" in request.POST and address.email != address.user.email:  # another e-mail about a change
            write(Action.EMAIL_WISH, by=asker(), on=address.user, new=address.email)

    def ajax_response(self, request: HttpRequest, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the same page to everybody: allauth would send scripts the whole form as JSON, with what was typed."""
        return response

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Do nothing: our user has no user name."""


def _takes_language_of_page(request: HttpRequest, user: User) -> bool:
    """Return whether a first sign-in sets the language: not where it was chosen with an invitation, unless its reader
    has just chosen one here. What a browser was set to before may be somebody else's choice."""
    if Invitation.objects.filter(user=user, language_is_chosen=True).exists():
        return chosen_just_now_in(request)
    return bool(chosen_in(request)) or user.language == settings.LANGUAGE_CODE


def _may_change(user: User, address: str) -> bool:
    """Return whether somebody may change to an address: not if rejected or suspended, nor if its owner may take it
    back."""
    kept = old_address.kept_for_owner(address).exclude(user=user).exists()
    return user.approval in {Approval.PENDING, Approval.APPROVED} and not kept


def _insert(request: HttpRequest, user: User) -> None:
    """Insert the user. The form has checked the address already, but another request may have been faster."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        messages.error(request, _("Somebody has just signed up with this address."))
        raise ImmediateHttpResponse(redirect("account_signup")) from None
