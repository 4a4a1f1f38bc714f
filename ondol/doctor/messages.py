"""Findings in words: what is wrong, and what to do. Nothing here calls AWS."""

from django.utils.translation import gettext_lazy as _

from ondol.doctor.findings import Finding, Level
from ondol.outbox.causes import SENTENCES, Cause

LEVELS = {
    Level.OK: _("ok"),
    Level.WARNING: _("warning"),
    Level.FAILED: _("FAILED"),
    Level.UNKNOWN: _("unknown"),
}
CHECKS = {
    "settings": _("Settings"),
    "database": _("Database"),
    "connections": _("Connections to the database"),
    "clock": _("Clock"),
    "keys": _("Sealed secrets"),
    "worker": _("Worker"),
    "rules": _("Idle rules"),
    "sign_in": _("Sign-in"),
    "addresses": _("E-mail addresses of people"),
    "requests": _("Requests"),
    "contact": _("Contact"),
    "outbox": _("E-mails"),
    "mail": _("Mail server"),
    "pages": _("Address of the pages"),
    "credentials": _("Credentials"),
    "region": _("Region"),
    "vpc": _("VPC"),
    "subnet": _("Subnet"),
    "route": _("Route to the internet"),
    "acl": _("Network ACL"),
    "ssh": _("SSH from outside"),
    "image": _("Image"),
    "type": _("Instance type"),
    "quota": _("vCPU quota"),
    "role": _("Role of the alarms"),
    "warm_up": _("Warm-up of the alarms"),
    "permissions": _("Permissions"),
}
ANY = {
    "no_database": _("It cannot be checked without the database."),
    "unanswered": _("AWS has not answered (%(code)s). Fix credentials and region first."),
    "refused": _("AWS says %(code)s. Compare the setting with the AWS console."),
    "unforeseen": _("The check itself has failed (%(kind)s). Please report this."),
}
_AMAZONS_CLOCK = _("Clock, compared with Amazon")
_PARTS = {
    ("clock", "amazon"): _AMAZONS_CLOCK,
    ("clock", "amazon_sound"): _AMAZONS_CLOCK,
    ("permissions", "untried"): _("Permissions that cannot be tested"),
}
"""Names for the second line of a check that has two."""
UNTRIED = _("Some actions can be tried only on a machine of ours, or not at all without a change.")
"""What a page says in place of a sentence with all of their names."""
SAYS = {
    ("settings", "amazon"): _("Machines are created at Amazon, in %(region)s."),
    ("settings", "trial"): _("This is a trial: its cloud is on this computer."),
    ("settings", "unset"): _("%(names)s: not set. Put it into the environment or into .env."),
    ("settings", "no_trial"): _("No trial cloud runs on %(home)s. Start `ondol up`, or set AWS_VPC_ID for Amazon."),
    ("database", "sound"): _("PostgreSQL %(version)s answers and is up to date."),
    ("database", "behind"): _("%(count)s migrations are missing. Run `ondol migrate`."),
    ("database", "ahead"): _(
        "The database is newer than this Ondol, which cannot use it. Install the version that has migrated it, or one "
        "after it."
    ),
    ("database", "too_old"): _(
        "This is PostgreSQL %(version)s; Ondol needs %(oldest)s or later. Upgrade the server, or choose another one."
    ),
    ("database", "too_new"): _(
        "PostgreSQL %(version)s is newer than those that this Ondol is tested with (%(oldest)s to %(newest)s). Look "
        "for a newer Ondol."
    ),
    ("database", "encoding"): _(
        "The encoding of the database %(name)s is %(encoding)s, which cannot hold every name. Make one with `createdb "
        "--encoding=UTF8 --template=template0` and set DATABASE_URL to it."
    ),
    ("database", "read_only"): _(
        "This PostgreSQL takes no writes: it is a standby, or set to be read only. Set DATABASE_URL to the primary, or "
        "to all hosts, separated by commas: the one that takes writes is used."
    ),
    ("database", "pooler"): _(
        "DATABASE_URL leads to a pooler that keeps no session, such as PgBouncer in transaction mode, so notifications "
        "(LISTEN) and locks are lost. Connect to PostgreSQL itself, or set `pool_mode = session` for this database."
    ),
    ("database", "log_values"): _(
        "Where a statement fails, PostgreSQL writes its values into its own log, such as hashes of passwords. Let its "
        "administrator run: %(statements)s Then restart web and worker."
    ),
    ("database", "one_role"): _(
        "Web and worker connect as %(role)s, which owns the tables, so whoever gets in through them can change the "
        "record and drop everything. Let an administrator of PostgreSQL run: %(statements)s Then set "
        "ONDOL_DATABASE_OWNER_URL to the present DATABASE_URL, for `ondol migrate` alone, set DATABASE_URL to the new "
        "role, and run `ondol migrate`."
    ),
    ("database", "too_much"): _(
        "The role %(role)s, with which web and worker connect, has more than they need: %(rights)s. Run `ondol "
        "migrate` with ONDOL_DATABASE_OWNER_URL; what is left then, an administrator of PostgreSQL takes away."
    ),
    ("database", "too_little"): _(
        "The role %(role)s, with which web and worker connect, lacks %(rights)s. Run `ondol migrate` with "
        "ONDOL_DATABASE_OWNER_URL."
    ),
    ("database", "no_database"): _("PostgreSQL does not answer: %(reason)s. Start it, or correct DATABASE_URL."),
    ("database", "absent"): _("There is none yet: %(reason)s"),
    ("connections", "enough"): _(
        "%(webs)s web and %(workers)s worker may open %(needed)s together; PostgreSQL has room for %(room)s."
    ),
    ("connections", "too_few"): _(
        "%(webs)s web and %(workers)s worker may open %(needed)s together, and PostgreSQL has room for %(room)s: of "
        "max_connections = %(most)s, %(reserved)s are reserved and %(others)s are taken by others. Who comes too late "
        "gets an error. Raise max_connections, or set ONDOL_WEB_PROCESSES, ONDOL_WEB_THREADS or the workers' "
        "--concurrency lower."
    ),
    ("connections", "limited"): _(
        "%(webs)s web and %(workers)s worker may open %(needed)s together, and this role or database may have "
        "%(room)s. Who comes too late gets an error. Raise that limit (ALTER ROLE … or ALTER DATABASE … CONNECTION "
        "LIMIT), or set ONDOL_WEB_PROCESSES, ONDOL_WEB_THREADS or the workers' --concurrency lower."
    ),
    ("clock", "database_sound"): _("The database's and this host's agree."),
    ("clock", "database"): _("The database's is %(seconds)s s off this host's. Set both by NTP."),
    ("clock", "amazon_sound"): _("Amazon's and this host's agree."),
    ("clock", "amazon"): _(
        "This host's is %(seconds)s s off Amazon's, which refuses every call at 900 s. Set it by NTP."
    ),
    ("keys", "none"): _("There are none yet."),
    ("keys", "open"): _("All %(count)s open."),
    ("keys", "old"): _(
        "All %(count)s open. %(old)s of them with an older key: keep %(needed)s in ONDOL_VAULT_KEYS, or run `ondol "
        "vault rotate`."
    ),
    ("keys", "spare"): _(
        "All %(count)s open with the first key. None is sealed with %(spare)s. A new key seals once it is in front. An "
        "older one can go from ONDOL_VAULT_KEYS, but keep it as long as there are backups from before."
    ),
    ("keys", "shut"): _(
        "%(shut)s of %(count)s do not open. Put the key that they were sealed with into ONDOL_VAULT_KEYS again, "
        "behind the present one."
    ),
    ("keys", "tampered"): _(
        "Changed in the database: %(which)s. Their vault key is here, and yet they do not open, so nobody "
        "can use them. Find out who can write to the database; then restore these rows from a backup, or "
        "delete the machine, or have the second factor set up again."
    ),
    ("keys", "unbound"): _(
        "%(unbound)s are kept as an earlier version has left them: in clear, or not bound to their owner. Run `ondol "
        "vault rotate` once no part of that version runs any more."
    ),
    ("keys", "other_signing"): _(
        "ONDOL_SECRET_KEY is another key (%(here)s) than this deployment's (%(there)s). Set the same on each host, or "
        "run `ondol keys accept` to change it."
    ),
    ("keys", "other_vault"): _(
        "ONDOL_VAULT_KEYS (%(here)s) lacks %(missing)s, which has sealed keys of this deployment. Put it back, or run "
        "`ondol keys accept --lost` if it is lost."
    ),
    ("worker", "alive"): _("%(count)s running."),
    ("worker", "silent"): _(
        "No worker has reported for 10 seconds. Start `ondol up` or `ondol worker`, or read its log."
    ),
    ("rules", "sound"): _("They are right for all types that people may use or have."),
    ("rules", "default_too_near"): _(
        "Default rules: without CPU credits AWS slows %(types)s down, to as little as %(baseline)s%% of each vCPU. A "
        "threshold of %(percent)s%% of one core is at least half of that, so a machine that works could be stopped as "
        "idle. Set at most %(most)s%%, or leave these types out."
    ),
    ("rules", "too_near"): _(
        "%(whose)s: without CPU credits AWS slows %(types)s down, to as little as %(baseline)s%% of each vCPU. A "
        "threshold of %(percent)s%% of one core is at least half of that, so a machine that works could be stopped as "
        "idle. Set at most %(most)s%% for this person, or leave these types out."
    ),
    ("rules", "default_a_core"): _(
        "Default rules: %(percent)s%% of one core counts as idle, so a program that keeps one core busy is stopped. "
        "Set at most %(most)s%%."
    ),
    ("rules", "a_core"): _(
        "%(whose)s: %(percent)s%% of one core counts as idle, so a program that keeps one core busy is stopped. "
        "Set at most %(most)s%%."
    ),
    ("rules", "unknown_types"): _(
        "This version does not know the vCPUs of %(types)s, so the alarm takes the most that such a size may have: an "
        "idle machine may stop late or never, a busy one is not stopped. Upgrade Ondol."
    ),
    ("sign_in", "passwords"): _("By password; no provider is set."),
    ("sign_in", "redirect"): _("Redirect URI to register with %(name)s: %(address)s"),
    ("sign_in", "answers"): _("%(name)s answers at %(issuer)s."),
    ("sign_in", "silent"): _(
        "%(name)s does not answer at %(issuer)s (%(reason)s), so nobody signs in by it. Check ONDOL_OIDC_ISSUER, and "
        "this host's way to it. For a certificate of your own authority, set REQUESTS_CA_BUNDLE."
    ),
    ("sign_in", "incomplete"): _(
        "What %(issuer)s says of itself lacks %(missing)s, so nobody signs in by %(name)s. Correct ONDOL_OIDC_ISSUER, "
        "or the issuer."
    ),
    ("sign_in", "other_issuer"): _(
        "%(issuer)s calls itself %(other)s, so sign-ins by %(name)s are refused. Set ONDOL_OIDC_ISSUER to that."
    ),
    ("sign_in", "no_pkce"): _(
        "%(issuer)s does not know PKCE with S256, which sign-in by %(name)s uses. Turn it on there."
    ),
    ("sign_in", "in_clear"): _(
        "%(name)s answers at %(issuer)s, but without https: whoever is on the way can sign in as anybody. Use https."
    ),
    ("addresses", "trial"): _("In a trial, nobody has to prove an address."),
    ("addresses", "proven"): _("People prove their address by an e-mail before they can sign in."),
    ("addresses", "nobody_reads"): _(
        "People have to prove their address by an e-mail, and e-mails are files that nobody gets. Set ONDOL_EMAIL_URL."
    ),
    ("addresses", "no_letters"): _(
        "Nobody proves that an address is theirs: there is no mail server. Set ONDOL_EMAIL_URL; e-mails then prove "
        "addresses. Until then, ask people by another way before you approve them."
    ),
    ("addresses", "turned_off"): _(
        "ONDOL_EMAIL_VERIFICATION=%(now)s: who asks for an account may type somebody else’s address, and learns who "
        "has one. Take it out, or set it to mandatory."
    ),
    ("contact", "trial"): _("In a trial, nobody has to be named whom to ask."),
    ("contact", "shown"): _("People who need help are told to ask %(who)s."),
    ("contact", "unset"): _(
        "Many messages say “ask an administrator”, and none says whom. Set ONDOL_CONTACT to an e-mail "
        "address or a page."
    ),
    ("requests", "heard"): _("Pending requests: %(count)s. An administrator can decide."),
    ("requests", "nobody"): _(
        "%(count)s waiting, and there is no administrator. Run `ondol user add EMAIL --admin`; the "
        "requests are then announced."
    ),
    ("outbox", "none"): _("None has been delivered yet. %(count)s on their way."),
    ("outbox", "flowing"): _("The last was delivered at %(delivered)s. %(count)s on their way."),
    ("outbox", "held"): _(
        "No e-mail has been delivered since %(since)s; the last was at %(delivered)s. %(count)s are waiting, and are "
        "tried for five days."
    ),
    ("outbox", "given_up"): _(
        "%(count)s could not be delivered and were given up. The page Check-up names each, and sends it again."
    ),
    ("pages", "reachable"): _("Browsers open %(url)s."),
    ("pages", "unreachable"): _("No browser can open them: %(reason)s"),
    ("mail", "signed_in"): _("%(server)s answers (%(tls)s) and accepts %(user)s."),
    ("mail", "encrypted"): _("%(server)s answers (%(tls)s); it asks for no password."),
    ("mail", "clear"): _("%(server)s answers, without TLS and without a password."),
    ("mail", "files"): _("E-mails are files in %(folder)s: nobody gets one. Set ONDOL_EMAIL_URL to have them sent."),
    ("credentials", "sound"): _("Account %(account)s, as %(arn)s."),
    ("credentials", "root"): _(
        "These are the root user's of account %(account)s, who may do everything. Make a role or a user of its own "
        "(docs/aws-iam-setup.md), and delete root's access keys."
    ),
    ("credentials", "missing"): _(
        "There are none (%(code)s). Give this host a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
        "only the worker needs them."
    ),
    ("credentials", "stale"): _("They have expired (%(code)s). Renew them, or use a role, which renews itself."),
    ("credentials", "refused"): _(
        "AWS does not accept them, or does not answer (%(code)s). Check the keys, this host's clock and its way to "
        "the internet."
    ),
    ("credentials", "elsewhere"): _(
        "They lead to account %(account)s, but this database's machines are in account %(known)s. Use that account's, "
        "or another database."
    ),
    ("region", "sound"): _("EC2 answers in %(region)s."),
    ("region", "silent"): _(
        "EC2 does not answer in %(region)s (%(code)s). Check AWS_REGION, and this host's way to the internet and proxy."
    ),
    ("region", "not_enabled"): _(
        "%(region)s is not enabled in this account. Enable it in the AWS console, or change AWS_REGION."
    ),
    ("vpc", "sound"): _("%(vpc)s exists."),
    ("vpc", "missing"): _("There is no %(vpc)s in %(region)s. Correct AWS_VPC_ID or AWS_REGION."),
    ("subnet", "sound"): _("%(subnet)s in %(zone)s has %(free)s free addresses."),
    ("subnet", "missing"): _("There is no %(subnet)s in %(region)s. Correct AWS_SUBNET_ID or AWS_REGION."),
    ("subnet", "elsewhere"): _("%(subnet)s belongs to %(other)s, not to %(vpc)s. Correct AWS_VPC_ID or AWS_SUBNET_ID."),
    ("subnet", "full"): _(
        "%(subnet)s has no free address. Delete machines, stopped ones too, or choose a larger subnet."
    ),
    ("subnet", "nearly_full"): _(
        "%(subnet)s has %(free)s free addresses left. Stopped machines keep theirs. Choose a larger subnet in time."
    ),
    ("route", "sound"): _("0.0.0.0/0 leads to %(target)s."),
    ("route", "missing"): _(
        "%(subnet)s has no route to the internet, so nobody reaches a machine. Add 0.0.0.0/0 to an internet gateway "
        "to its route table."
    ),
    ("route", "not_public"): _(
        "%(subnet)s is private: 0.0.0.0/0 leads to %(target)s. Choose a subnet whose route leads to an internet "
        "gateway (igw-…)."
    ),
    ("route", "broken"): _("%(target)s is not attached to the VPC of %(subnet)s. Attach it, or correct the route."),
    ("acl", "sound"): _("It lets SSH in, and its answers out."),
    ("acl", "shut"): _(
        "It keeps out %(cidrs)s, or some of it. Allow TCP port 22 inwards and 1024-65535 outwards for these ranges."
    ),
    ("ssh", "ranges"): _("%(cidrs)s may reach port 22 of every machine."),
    ("ssh", "own"): _("Only the addresses that people name for themselves may reach port 22."),
    ("ssh", "open"): _(
        "%(cidrs)s may reach port 22 of every machine: that is everybody on the internet. Set ONDOL_SSH_CIDRS to your "
        "institute’s range, or to none, and let people name their own addresses."
    ),
    ("ssh", "unset"): _(
        "ONDOL_SSH_CIDRS is not set, so it is not known who may come in. Write your institute’s range, or none."
    ),
    ("ssh", "workers"): _("Workers come from %(cidr)s, which may reach port 22 only while they replace a key."),
    ("ssh", "no_workers"): _(
        "Nobody can replace the key of a machine here. Set ONDOL_WORKER_SSH_CIDR to the address from which workers "
        "reach machines, such as 198.51.100.7/32, or to none if that is meant."
    ),
    ("ssh", "none_wished"): _("Keys of machines are not replaced here, as ONDOL_WORKER_SSH_CIDR says."),
    ("image", "sound"): _("New machines start from %(image)s."),
    ("image", "missing"): _("%(image)s is not shown in this region. Correct ONDOL_IMAGE_ID, or leave it unset."),
    ("type", "sound"): _("%(type)s (%(vcpus)s vCPUs) is offered in the subnet's zone."),
    ("type", "missing"): _("There is no %(type)s in this region. Correct ONDOL_INSTANCE_TYPE or ONDOL_INSTANCE_TYPES."),
    ("type", "wrong_image"): _(
        "%(type)s is %(has)s, the image %(image)s. Choose a type of the image's architecture, or set ONDOL_IMAGE_ID."
    ),
    ("type", "not_offered"): _(
        "%(type)s is not offered in %(zone)s. Correct ONDOL_INSTANCE_TYPE or ONDOL_INSTANCE_TYPES, or choose another "
        "subnet."
    ),
    ("quota", "sound"): _("%(vcpus)s vCPUs: %(machines)s machines of %(type)s at once."),
    ("quota", "low"): _(
        "%(vcpus)s vCPUs: only %(machines)s machines of %(type)s run at once; a further start fails. Ask for more in "
        "the AWS console: Service Quotas, EC2, %(quota)s."
    ),
    ("quota", "denied"): _("%(quota)s cannot be read: servicequotas:GetServiceQuota is not allowed."),
    ("quota", "other_family"): _(
        "%(type)s has a quota of its own, which is not read. See Service Quotas in the AWS console."
    ),
    ("role", "sound"): _("CloudWatch has %(role)s to stop idle machines."),
    ("role", "to_come"): _("%(role)s does not exist yet. AWS creates it with the first machine."),
    ("role", "lost"): _(
        "%(role)s is missing, so nothing stops idle machines. Create it again: aws iam "
        "create-service-linked-role --aws-service-name events.amazonaws.com"
    ),
    ("role", "denied"): _("Whether %(role)s exists cannot be checked: iam:GetRole is not allowed."),
    ("warm_up", "kept"): _(
        "An alarm can be created, and keeps its warm-up. The test alarm had no actions, and has been deleted."
    ),
    ("warm_up", "ignored"): _(
        "CloudWatch in %(region)s ignores the warm-up of alarms. Machines are still not stopped early, but "
        "idle ones are stopped only while a worker runs. Ask AWS when the region has WarmUpConfiguration "
        "of PutMetricAlarm."
    ),
    ("warm_up", "refused"): _(
        "CloudWatch in %(region)s refuses the warm-up of alarms. Machines are still not stopped early, but "
        "idle ones are stopped only while a worker runs. Ask AWS when the region has WarmUpConfiguration "
        "of PutMetricAlarm."
    ),
    ("warm_up", "nothing"): _("A test alarm was created, and AWS does not show it yet. Check again."),
    ("warm_up", "denied"): _(
        "Not allowed: cloudwatch:PutMetricAlarm, so no machine can be armed. Attach the policy that "
        "`ondol doctor --print-policy` prints."
    ),
    ("permissions", "allowed"): _("All %(count)s actions that can be tried are allowed."),
    ("permissions", "denied"): _(
        "Not allowed: %(actions)s. Attach the policy that `ondol doctor --print-policy` prints."
    ),
    ("permissions", "untried"): _(
        "Not tried: %(actions)s. Without a change, these can be tried only on a machine of ours, or not at all."
    ),
}


def name(finding: Finding) -> str:
    """Return what was checked."""
    part = _PARTS.get((finding.check, finding.code))
    return str(part) if part else str(CHECKS.get(finding.check, finding.check))


def sentence(finding: Finding) -> str:
    """Return the state and, if it is not as it should be, the fix."""
    if finding.check == "mail" and finding.code in set(Cause):
        return " ".join([finding.params["server"] + ":", str(SENTENCES[Cause(finding.code)]), finding.params["answer"]])
    text = SAYS.get((finding.check, finding.code)) or ANY.get(finding.code)
    return str(text) % finding.params if text else finding.code
