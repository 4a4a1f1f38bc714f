r"""The commands to paste into PowerShell or a shell: they put key and entry in their places, and may be repeated.

The entry is a file of its own, which is written again each time; the configuration itself gets one line, at its
beginning, where the first value of a setting wins: `Include`. Settings above and below keep their meaning, since an
Include does not change which hosts the lines after it are for.
"""

import shlex
from dataclasses import dataclass

from django.utils.translation import gettext as _

ALIAS = "ondol"
ENTRY_FILE = "ondol.conf"
_INCLUDE = f"Include {ENTRY_FILE}"
_SHELL_FOLDERS = r"HKCU:\Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"
_DOWNLOADS = "{374DE290-123F-4565-9164-39C4925E467B}"


@dataclass(frozen=True, slots=True)
class Kit:
    """A key file, and the lines of the entry that names it."""

    key_file: str
    is_moved: bool
    """The key comes from the folder of downloads; otherwise only its owner knows where it is."""
    entry: tuple[str, ...]

    @property
    def downloads(self) -> tuple[str, ...]:
        """Return what browsers call the file: a second download of the same key gets a number."""
        stem = self.key_file.removesuffix(".pem")
        return (f"{stem} (2).pem", f"{stem}(1).pem", f"{stem} (1).pem", self.key_file)

    @property
    def missing(self) -> str:
        """Return the sentence for a key that is in neither place."""
        return _(
            "The key file %(file)s is neither in your Downloads folder nor in the folder .ssh. "
            "Download it or move it into .ssh, then paste this again."
        ) % {"file": self.key_file}


def powershell(kit: Kit, then: str = "") -> str:
    """Return the commands for PowerShell, which does not expand %USERPROFILE% or %USERNAME%, hence $env: and whoami.

    It is one block, so that it can end early. Institutes put Downloads on another disk; its path is in the registry,
    which can be read even where COM is blocked. Windows PowerShell 5 would write a byte-order mark, which ssh does not
    accept, and damage other encodings: so bytes are read and written as Latin-1.
    """
    quoted = ",\n".join(f"  {_ps(line)}" for line in kit.entry)
    lines = [
        "& {",
        '$s="$env:USERPROFILE\\.ssh" ; $c="$s\\config"',
        "mkdir -Force $s | Out-Null",
        *(_powershell_key(kit) if kit.is_moved else ()),
        f'Set-Content -Encoding Ascii "$s\\{ENTRY_FILE}" @(',
        f"{quoted})",
        "$e=[Text.Encoding]::GetEncoding(28591) ; $t=''",
        "if (Test-Path $c) { $t=$e.GetString([IO.File]::ReadAllBytes($c)) }",
        rf"$t=$t -replace '^\xEF\xBB\xBF','' -replace '{INCLUDE_LINE}',''",
        f'[IO.File]::WriteAllBytes($c, $e.GetBytes("{_INCLUDE}`n$t"))',
        *([then] if then else ()),
        "}",
    ]
    return "\n".join(lines)


INCLUDE_LINE = r"(?im)^[ \t]*Include[ \t]+ondol\.conf[ \t]*(\r?\n|\r?\z)"
"""Our line as .NET finds it, wherever somebody has moved it."""


def _powershell_key(kit: Kit) -> list[str]:
    names = ",".join(_ps(name) for name in kit.downloads)
    return [
        f'$k="$s\\{kit.key_file}"',
        f"$r=Get-ItemProperty '{_SHELL_FOLDERS}'",
        f"foreach ($d in \"$env:USERPROFILE\\Downloads\",$r.'{_DOWNLOADS}') {{",
        f"  foreach ($n in {names}) {{",
        '    if (Test-Path "$d\\$n") { Move-Item -Force "$d\\$n" $k } } }',
        f"if (-not (Test-Path $k)) {{ Write-Warning {_ps(kit.missing)} ; return }}",
        'icacls $k /inheritance:r | Out-Null ; icacls $k /grant:r "$(whoami):R" | Out-Null',
    ]


def _ps(text: str) -> str:
    """Return a text as PowerShell quotes it."""
    return "'" + text.replace("'", "''") + "'"


def shell(kit: Kit, then: str = "") -> str:
    """Return the commands for a shell, in one of its own: it can end early, and its umask ends with it.

    ssh refuses a configuration that others may write to, hence the umask. A configuration that is a link stays one:
    it is written into, after the whole of it is safe in another file.
    """
    lines = [
        "(",
        "umask 077 ; mkdir -p ~/.ssh && chmod 700 ~/.ssh && cd ~/.ssh || exit",
        *(_shell_key(kit) if kit.is_moved else ()),
        f"cat > {ENTRY_FILE} <<'END'",
        *kit.entry,
        "END",
        "[ -e config ] || : > config",
        f"{{ echo '{_INCLUDE}' ; LC_ALL=C sed \"1s/^$(printf '\\357\\273\\277')//",
        '  /^[[:blank:]]*[Ii][Nn][Cc][Ll][Uu][Dd][Ee][[:blank:]]\\{1,\\}ondol\\.conf[[:space:]]*\\$/d" config ; } \\',
        "  > config.ondol && cat config.ondol > config && rm config.ondol",
        f") && {then}" if then else ")",
    ]
    return "\n".join(lines)


def _shell_key(kit: Kit) -> list[str]:
    """Return the lines that move the key. Linux desktops name the folder of downloads by language; macOS does not."""
    names = " ".join(shlex.quote(name) for name in kit.downloads)
    return [
        'for d in ~/Downloads "$(xdg-user-dir DOWNLOAD 2>/dev/null)"; do',
        f"  for n in {names}; do",
        f'    [ -f "$d/$n" ] && mv -f "$d/$n" {kit.key_file}; done; done',
        f"[ -f {kit.key_file} ] || {{ echo {shlex.quote(kit.missing)} >&2; exit 1; }}",
        f"chmod 600 {kit.key_file}",
    ]
