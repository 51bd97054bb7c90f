"""`mailserver group, domain alias, org contact, secret` as an operator types them."""

import pytest

from tests.cli.test_directory_commands import (
    Mailserver,
    done,
    example,
    facts,
    mailserver,
    refused,
)

__all__ = ["example", "mailserver"]

TEAM, ALICE = "team@example.test", "alice@example.test"

pytestmark = pytest.mark.usefixtures("example")


def test_a_group_from_add_to_remove(mailserver: Mailserver) -> None:
    made = done(mailserver("group", "add", TEAM, ALICE, "--owner", ALICE))
    assert made == "group team@example.test added, members may post\n"
    done(mailserver("group", "member", "add", TEAM, "Carol@out.test", "dan@out.test"))
    done(mailserver("group", "member", "remove", TEAM, "dan@out.test"))
    done(mailserver("group", "set", TEAM, "--posting", "anyone"))
    shown = facts(mailserver("group", "show", TEAM, "--json"))
    expected = {"posting": "anyone", "members": [ALICE, "Carol@out.test"], "owners": [ALICE]}
    assert {key: shown[key] for key in expected} == expected
    [listed] = facts(mailserver("group", "list", "--domain", "example.test", "--json"))
    assert listed == shown
    table = done(mailserver("group", "list"))
    assert f"{TEAM}  anyone   {ALICE}  {ALICE} Carol@out.test" in table
    assert refused(mailserver("group", "member", "remove", TEAM, "eve@out.test")) == (
        "eve@out.test is no member of team@example.test"
    )
    assert refused(mailserver("group", "member", "add", TEAM, TEAM)) == (
        "team@example.test would lead back to itself"
    )
    done(mailserver("group", "remove", TEAM))
    for words in (("show", TEAM), ("remove", TEAM), ("set", TEAM, "--posting", "owners")):
        assert refused(mailserver("group", *words)) == "group team@example.test does not exist"


@pytest.mark.parametrize(
    "words",
    [
        ("group", "add", TEAM, "--posting", "friends"),
        ("group", "add"),
        ("group", "set", TEAM),
        ("group", "member", "add", TEAM),
        ("domain", "alias", "add", "other.test"),
        ("secret", "rotate"),
    ],
)
def test_wrong_usage_exits_2(mailserver: Mailserver, words: tuple[str, ...]) -> None:
    assert mailserver(*words).exit_code == 2


def test_a_domain_alias_from_add_to_remove(mailserver: Mailserver) -> None:
    done(mailserver("domain", "alias", "add", "Other.test", "--of", "example.test"))
    shown = facts(mailserver("domain", "show", "other.test", "--json"))
    assert (shown["alias_of"], shown["state"]) == ("example.test", "active")
    assert any(record["name"] == "s1._domainkey.other.test" for record in shown["records"])
    [listed] = facts(mailserver("domain", "alias", "list", "--of", "example.test", "--json"))
    assert (listed["name"], listed["alias_of"]) == ("other.test", "example.test")
    assert "other.test  example.test  demo" in done(mailserver("domain", "alias", "list"))
    assert refused(mailserver("domain", "alias", "list", "--of", "missing.test")) == (
        "domain missing.test does not exist"
    )
    assert refused(mailserver("group", "add", "x@other.test")) == (
        "domain other.test is another name of example.test, which has its addresses"
    )
    done(mailserver("domain", "alias", "remove", "other.test"))
    assert facts(mailserver("domain", "alias", "list", "--json")) == []


def test_an_organizations_contact_is_set_and_taken_back(mailserver: Mailserver) -> None:
    done(mailserver("org", "contact", "demo", "Ops@out.test"))
    assert facts(mailserver("org", "show", "demo", "--json"))["contact"] == "Ops@out.test"
    assert refused(mailserver("org", "contact", "demo", "no@example.test")) == (
        "contact no@example.test does not exist"
    )
    done(mailserver("org", "contact", "demo", "none"))
    assert facts(mailserver("org", "show", "demo", "--json"))["contact"] is None


def test_a_secret_is_rotated_and_retired_and_never_shown(mailserver: Mailserver) -> None:
    for _ in range(2):
        done(mailserver("secret", "rotate", "srs"))
    listed = facts(mailserver("secret", "list", "--json"))
    assert [one["used"] for one in listed if one["name"] == "srs"] == [True, False]
    assert all(set(one) == {"id", "name", "used", "created_at"} for one in listed)
    assert done(mailserver("secret", "retire", "srs")) == "1 old secret(s) of srs removed\n"
    assert refused(mailserver("secret", "rotate", "tls")) == (
        "there is no secret tls; there is: srs"
    )
