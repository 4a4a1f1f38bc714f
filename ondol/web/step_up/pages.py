"""Which pages need a sign-in of the last ten minutes: one table."""

KEPT = {
    "account_email",
    "admin_announcement",
    "admin_announcement_end",
    "admin_approve",
    "admin_costs_budget",
    "admin_costs_person_budget",
    "admin_costs_rate",
    "admin_decide",
    "admin_email_drop",
    "admin_fleet_act",
    "admin_fleet_create",
    "admin_invite_again",
    "admin_invite_send",
    "admin_message",
    "admin_policy",
    "admin_policy_person",
    "admin_policy_undo",
    "admin_reject",
    "admin_role",
    "admin_stop",
    "admin_suspend",
    "admin_terminate",
    "machine_key",
    "socialaccount_connections",
    "ssh_address_add",
    "token_create",
}
"""Forms that are kept meanwhile, and sent afterwards unchanged: among them all decisions of administrators."""

TYPED_AGAIN = {
    "account_set_password",
    "key_choice",
    "key_replace",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_deactivate_totp",
    "mfa_generate_recovery_codes",
    "mfa_remove_webauthn",
}
"""Forms with a secret or a code, which must not be in a session: people come back to the form, and type it again."""

NEEDS_RECENT_SIGN_IN = KEPT | TYPED_AGAIN
