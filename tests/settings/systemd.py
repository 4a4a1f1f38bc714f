"""How systemd reads an `EnvironmentFile=`, letter by letter: `src/basic/env-file.c` of its version 252."""


def read(text: str) -> dict[str, str]:  # noqa: C901  one state machine, as there
    """Return what a service gets."""
    found: dict[str, str] = {}
    state, key, value, blank = "before key", "", "", None

    def push() -> None:
        name = key.rstrip(" \t\n\r")
        if name.isidentifier() and name.isascii():  # it drops others, and only logs that
            found[name] = value if blank is None else value[:blank]

    for letter in text:
        match state:
            case "before key":
                if letter in "#;":
                    state = "comment"
                elif letter not in " \t\n\r":
                    state, key = "key", letter
            case "key":
                if letter in "\n\r":
                    state = "before key"
                elif letter == "=":
                    state, value, blank = "before value", "", None
                else:
                    key += letter
            case "before value" | "value" if letter in "\n\r":
                push()
                state = "before key"
            case "before value":
                if letter in "'\"":
                    state = letter
                elif letter == "\\":
                    state = "value escape"
                elif letter not in " \t":
                    state, value = "value", value + letter
            case "value":
                if letter == "\\":
                    state, blank = "value escape", None
                    continue
                if letter not in " \t":
                    blank = None
                elif blank is None:
                    blank = len(value)
                value += letter
            case "value escape":
                state = "value"
                value += letter if letter not in "\n\r" else ""
            case "'":
                state, value = ("before value", value) if letter == "'" else (state, value + letter)
            case '"':
                if letter == "\\":
                    state = "escape"
                else:
                    state, value = ("before value", value) if letter == '"' else (state, value + letter)
            case "escape":
                state = '"'
                value += letter if letter in '"\\`$' else "" if letter == "\n" else f"\\{letter}"
            case "comment":
                state = "comment escape" if letter == "\\" else "before key" if letter in "\n\r" else state
            case "comment escape":
                state = "comment"
    if state not in ("before key", "key", "comment", "comment escape"):
        push()
    return found
