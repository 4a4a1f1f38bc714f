"""The settings that keep values of statements out of PostgreSQL's own log: by default, it has the row of a failed
INSERT.

Such a row may have a password's hash, or a sealed key. People who read logs often may not read the database.
"""

SETTINGS = {
    "log_error_verbosity": ("terse",),  # DETAIL and CONTEXT have the row
    "log_min_error_statement": ("panic", "fatal"),  # STATEMENT; also that of LOG lines, about waits for locks
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
    "log_parameter_max_length_on_error": ("0",),
}
"""The safe values of each setting; the first one is ours."""
OF_EXTENSIONS = {"auto_explain.log_min_duration": ("-1",), "pgaudit.log": ("none", "")}
"""The same for these extensions, if the server has them."""


def ours() -> dict[str, str]:
    """Return the settings for a server of Ondol's own.

    `log_min_messages` is above ERROR: an error's first line may quote a value, too, and the client gets it anyway.
    Messages about the server itself (LOG, FATAL, PANIC) stay.
    """
    return {name: values[0] for name, values in SETTINGS.items()} | {"log_min_messages": "log"}


def lacking(present: dict[str, str]) -> dict[str, str]:
    """Return the settings that a server lacks."""
    safe = SETTINGS | OF_EXTENSIONS
    return {name: safe[name][0] for name, value in present.items() if name in safe and value not in safe[name]}
