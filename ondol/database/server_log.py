"""What keeps the values of statements out of PostgreSQL's own log: by default, a failing INSERT writes its row there.

Such a row may have a password's hash, or a sealed key. Whoever reads logs is often not who may read the database.
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
"""The values of each setting with which the log has none of a statement's; the first one is ours."""
OF_EXTENSIONS = {"auto_explain.log_min_duration": ("-1",), "pgaudit.log": ("none", "")}
"""The same, where the server has these extensions."""


def ours() -> dict[str, str]:
    """Return the settings for a server that serves nobody else.

    `log_min_messages` is above ERROR: an error's first line may quote a value too, and whoever has sent the statement
    gets it anyway. What is said of the server itself (LOG, FATAL, PANIC) stays.
    """
    return {name: values[0] for name, values in SETTINGS.items()} | {"log_min_messages": "log"}


def lacking(present: dict[str, str]) -> dict[str, str]:
    """Return what has to be set, by the settings that a server has."""
    safe = SETTINGS | OF_EXTENSIONS
    return {name: safe[name][0] for name, value in present.items() if name in safe and value not in safe[name]}
