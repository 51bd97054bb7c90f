"""Accounts: who may log in, where an address leads, who may send as it."""

from mailserver.accounts.accounts import Accounts
from mailserver.accounts.logins import LoginFailed, Logins, Origin
from mailserver.accounts.values import Account, Resolution

__all__ = ["Account", "Accounts", "LoginFailed", "Logins", "Origin", "Resolution"]
