"""`python -m benchmarks [scenario …]`: run scenarios one after the other and print ratios."""

import importlib
import sys

SCENARIOS = (
    *("smtp_accept", "smtp_connect", "smtp_large", "smtp_idle"),
    *("imap_fetch", "imap_large", "imap_search", "imap_write", "imap_sessions", "imap_idle"),
    "imap_sizes",
)


def main(names: list[str]) -> int:
    unknown = set(names) - set(SCENARIOS)
    if unknown:
        print(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
        return 2
    for name in names or SCENARIOS:
        for figure in importlib.import_module(f"benchmarks.{name}").run():
            print(figure.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
