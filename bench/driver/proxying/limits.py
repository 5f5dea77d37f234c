"""How many files a process may hold open: a proxied connection is two."""

import resource

WANTED = 100_000


def files_allowed() -> None:
    """For preexec_fn. Without the right to raise the limit: what there is."""
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (WANTED, WANTED))
    except (ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
