"""One connection for each message, plain to port 25 and by STARTTLS and AUTH to submission."""

from collections.abc import Callable, Iterator

from benchmarks import ours, peers
from benchmarks.messages import message
from benchmarks.peers import PASSWORD, USER
from benchmarks.report import Figure, in_turn
from benchmarks.smtp_accept import BODIES, RECIPIENTS, SIZE, USERS
from benchmarks.smtp_load import Load, Login

SESSIONS = 20
MESSAGES = 2_000
OWN = [message(number, SIZE, USER.format(0)) for number in range(100)]


def run() -> Iterator[Figure]:
    """The figures of this scenario, each as it is known; none when a peer is missing."""
    if why := peers.missing("postfix", "dovecot"):
        print(f"Postfix is left out: {why}")
        return
    login = Login(USER.format(0), PASSWORD)
    with (
        ours.running(users=USERS, workers=2) as server,
        peers.folder() as folder,
        peers.dovecot(folder / "dovecot", users=USERS) as store,
        peers.postfix(folder / "postfix", sasl=store.sasl) as peer,
    ):
        for name, door, who in (
            ("plain", "smtp", None),
            ("STARTTLS and AUTH", "submission", login),
        ):
            # Both know the password from now on, as they would that of somebody who sends often.
            _sending(server.ports[door], who, 2 * SESSIONS)()
            count = MESSAGES if who is None else MESSAGES // 2
            a, b = in_turn(
                _sending(server.ports[door], who, count),
                _sending(peer.port, who, count // 2, lambda: peers.empty_queue(peer)),
            )
            yield Figure(
                f"SMTP a connection a message, {name}",
                "msg/s",
                a["rate"],
                "Postfix, held",
                b["rate"],
            )


def _sending(
    port: int, login: Login | None, count: int, then: Callable[[], None] = lambda: None
) -> Callable[[], dict[str, float]]:
    def send() -> dict[str, float]:
        each = count // SESSIONS
        bodies = OWN if login else BODIES
        load = Load(port, RECIPIENTS, bodies, SESSIONS, each, reconnect=True, login=login)
        rate = load.run().rate
        then()
        return {"rate": rate}

    return send
