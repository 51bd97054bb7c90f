"""Accounts: who may log in, where an address leads, who may send as it and write to groups."""

from mailserver.accounts.accounts import Accounts
from mailserver.accounts.hiding import Hiding
from mailserver.accounts.logins import LoginFailed, Logins, Origin
from mailserver.accounts.values import Account, Group, Resolution

__all__ = [
    "Account",
    "Accounts",
    "Group",
    "Hiding",
    "LoginFailed",
    "Logins",
    "Origin",
    "Resolution",
]
