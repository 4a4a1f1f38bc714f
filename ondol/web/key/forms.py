"""The form for a public key. It decides nothing."""

from django import forms
from django.utils.translation import gettext_lazy as _


class PublicKeyForm(forms.Form):
    """One line of a public key, typed or pasted."""

    public_key = forms.CharField(
        label=_("Your public key"),
        help_text=_("The one line of a file such as id_ed25519.pub: ed25519, or RSA of 3072 or 4096 bits."),
        widget=forms.Textarea(
            attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false", "placeholder": "ssh-ed25519 AAAA…"}
        ),
    )
