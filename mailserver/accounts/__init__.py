"""Accounts: who may log in, where an address leads, who may send as it."""

from mailserver.accounts.accounts import Accounts
from mailserver.accounts.values import Account, Resolution

__all__ = ["Account", "Accounts", "Resolution"]
