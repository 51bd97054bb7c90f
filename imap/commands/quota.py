"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208).

Each account is one quota root, named by its address: what its mailboxes hold together, whoever put
it there. Only administrators of the organization (`account promote`) set quotas or see others'.
"""

from imap.place import look_up, missing
from imap.protocol import responses
from imap.protocol.quota import (
    MESSAGE,
    STORAGE,
    GetQuota,
    GetQuotaRoot,
    SetQuota,
    Usage,
    encode_quota,
    encode_quotaroot,
)
from imap.session import Answer, Session
from mailserver.accounts import Account
from mailserver.errors import Refused
from mailserver.logs import logger

_UNIT = 1024  # RFC 9208 §5.1: octets in one of STORAGE
_MOST = (1 << 63) // _UNIT - 1

log = logger("imap")

_NOT_YOURS = Answer.no("Only for administrators", responses.NOPERM)


async def getquota(session: Session, command: GetQuota) -> Answer:
    """RFC 9208 §4.1.1"""
    account = await _root(session, command.root)
    if isinstance(account, Answer):
        return account
    await session.write(await _quota(session, account))
    return Answer.ok("GETQUOTA completed")


async def getquotaroot(session: Session, command: GetQuotaRoot) -> Answer:
    """RFC 9208 §4.1.2; §6: with ACL it takes the right `r`."""
    found = await look_up(session, command.mailbox)
    if found is None:
        return missing()
    if not found.grants("r"):
        return found.refused()
    owner = found.place.owner
    account = await session.node.accounts.find(owner.address) or owner
    await session.write(encode_quotaroot(command.mailbox, [account.address], utf8=session.utf8))
    await session.write(await _quota(session, account))
    return Answer.ok("GETQUOTAROOT completed")


async def setquota(session: Session, command: SetQuota) -> Answer:
    """RFC 9208 §4.1.3: what is not named is not limited any more."""
    account = await _root(session, command.root, change=True)
    if isinstance(account, Answer):
        return account
    if not command.limits.keys() <= {STORAGE, MESSAGE}:
        return Answer.no("No such resource", responses.CANNOT)
    storage = command.limits.get(STORAGE)
    if storage is not None and storage > _MOST:
        return Answer.no("The limit is too large", responses.LIMIT)
    try:
        await session.node.accounts.set_quota(
            account.address,
            None if storage is None else storage * _UNIT,
            command.limits.get(MESSAGE),
        )
    except Refused as error:
        return Answer.no(str(error), responses.CANNOT)
    log.info("quota set", root=account.address, limits=command.limits, by=session.user().address)
    changed = await session.node.accounts.find(account.address) or account
    if changed.id == session.user().id:
        session.account = changed
    await session.write(await _quota(session, changed))
    return Answer.ok("SETQUOTA completed")


async def _root(session: Session, name: str, *, change: bool = False) -> Account | Answer:
    """The account of a quota root; an answer where it is none for this user."""
    user = await session.node.accounts.find(session.user().address)
    if user is None:
        return _NOT_YOURS
    if name.lower() == user.address and not change:
        return user
    if not user.administrator:
        return _NOT_YOURS  # whether it exists or not
    account = await session.node.accounts.find(name)
    if account is None or account.organization_id != user.organization_id:
        return Answer.no("No such quota root", responses.NONEXISTENT)
    return account


async def _quota(session: Session, account: Account) -> bytes:
    used, messages = await session.node.accounts.usage(account)
    usages = []
    if account.quota_bytes is not None:
        # What is used is never told as less than it is, nor the limit as more.
        usages.append(Usage(STORAGE, -(-used // _UNIT), account.quota_bytes // _UNIT))
    if account.quota_messages is not None:
        usages.append(Usage(MESSAGE, messages, account.quota_messages))
    return encode_quota(account.address, usages)
