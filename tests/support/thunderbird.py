"""Thunderbird without a screen, driven by Marionette: the socket by which Mozilla tests it.

Its messages are `LENGTH:JSON`; a command is [0, id, name, parameters], its answer
[1, id, error, result] (Firefox source docs, testing/marionette/Protocol).
"""

import base64
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.owner import Owner
from tests.support.programs import eventually

_PATIENCE = 60.0  # seconds for one command

# No page, question or look into the network at its start, and a port of its own choice.
_PREFERENCES: dict[str, bool | int | str] = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.chat.enabled": False,
    "mail.provider.suppress_dialog_on_startup": True,
    "mail.shell.checkDefaultClient": False,
    "mailnews.start_page.enabled": False,
    "marionette.port": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.localDomains": "localhost",
    "network.manage-offline-status": False,
    "remote.prefs.recommended": True,
    "toolkit.telemetry.server": "",
}

# What every script may use. `folder` is looked for by its path below the account's root.
_WORDS = """
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
const account = MailServices.accounts.accounts.find(one => one.incomingServer.type == "imap");
const root = account?.incomingServer.rootFolder;
const folder = path => path.split("/").reduce((above, name) => above.getChildNamed(name), root);
const word = header => header.mime2DecodedSubject.split(" ")[0];
const headers = path => [...folder(path).messages];
const header = (path, wanted) => headers(path).find(one => word(one) == wanted);
const done = start => new Promise((resolve, reject) => start({
  QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener"]),
  OnStartRunningUrl() {},
  OnStopRunningUrl(url, status) { status == 0 ? resolve() : reject(Error("status " + status)); },
  onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return ""; },
  onStopCopy(status) { status == 0 ? resolve() : reject(Error("status " + status)); },
}));
"""

_ACCOUNT = """
const [user, password, port, certificate] = arguments;
const found = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB)
  .constructX509FromBase64(certificate);
Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService)
  .rememberValidityOverride("localhost", port, {}, found, true);
const server = MailServices.accounts.createIncomingServer(user, "localhost", "imap");
server.port = port;
server.socketType = Ci.nsMsgSocketType.SSL;
server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
server.password = password;
server.doBiff = false;  // no look at times: new mail is heard of by IDLE or not at all
const identity = MailServices.accounts.createIdentity();
identity.email = user;
const made = MailServices.accounts.createAccount();
made.addIdentity(identity);
made.incomingServer = server;
"""

_FOUND = "[header(arguments[0], arguments[1])]"
_READ = """
const { NetUtil } = ChromeUtils.importESModule("resource://gre/modules/NetUtil.sys.mjs");
const uri = folder(arguments[0]).getUriForMsg(header(arguments[0], arguments[1]));
return await new Promise((resolve, reject) => {
  let text = "";
  MailServices.messageServiceFromURI(uri).streamMessage(uri, {
    QueryInterface: ChromeUtils.generateQI(["nsIStreamListener", "nsIRequestObserver"]),
    onStartRequest() {},
    onDataAvailable(request, stream, offset, count) {
      text += NetUtil.readInputStreamToString(stream, count);
    },
    onStopRequest(request, status) { status == 0 ? resolve(btoa(text)) : reject(status); },
  }, null, null, false, "", false);
});
"""


class Thunderbird:
    """One that runs, with an account of the server that it trusts."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._replies = connection.makefile("rb")
        self._number = 0
        self._receive()  # who it is
        self._command("WebDriver:NewSession", {})
        self._command("Marionette:SetContext", {"value": "chrome"})

    def do(self, script: str, *arguments: Any) -> Any:
        """What JavaScript of the application itself returns; AssertionError when it throws."""
        body = f"return (async () => {{ {_WORDS} {script} }})()"
        parameters = {"script": body, "args": arguments, "scriptTimeout": int(_PATIENCE * 1000)}
        return self._command("WebDriver:ExecuteScript", parameters)["value"]

    # ── what it knows ───────────────────────────────────────────────────────────────────────

    def folders(self) -> set[str]:
        """The mailboxes of the account that it has found."""
        return set(self.do("return root.descendants.map(one => one.name)"))

    def special(self, use: str) -> str | None:
        """Its folder for this use, a name of nsMsgFolderFlags."""
        script = "return root.getFolderWithFlags(Ci.nsMsgFolderFlags[arguments[0]])?.name"
        found: str | None = self.do(script, use)
        return found

    def words(self, path: str) -> list[str]:
        """The words of the messages that a folder's own database has."""
        found: list[str] = self.do("return headers(arguments[0]).map(word).sort()", path)
        return found

    def is_read(self, path: str, wanted: str) -> bool:
        """Whether it shows the message of this word as read."""
        return bool(self.do("return header(arguments[0], arguments[1]).isRead", path, wanted))

    # ── what a user does ────────────────────────────────────────────────────────────────────

    def open(self, path: str) -> None:
        """Show a folder: it is brought up to date, then watched by IDLE."""
        self.do("folder(arguments[0]).updateFolder(null)", path)

    def read(self, path: str, wanted: str) -> bytes:
        """The message of this word, after lines of its own as in an mbox."""
        return base64.b64decode(self.do(_READ, path, wanted))

    def mark_read(self, path: str, wanted: str) -> None:
        self.do(f"folder(arguments[0]).markMessagesRead({_FOUND}, true)", path, wanted)

    def mark_flagged(self, path: str, wanted: str) -> None:
        self.do(f"folder(arguments[0]).markMessagesFlagged({_FOUND}, true)", path, wanted)

    def move(self, path: str, wanted: str, destination: str) -> None:
        script = (
            "await done(listener => MailServices.copy.copyMessages(folder(arguments[0]),"
            f" {_FOUND}, folder(arguments[2]), true, listener, null, false))"
        )
        self.do(script, path, wanted, destination)

    def delete(self, path: str, wanted: str) -> None:
        script = (
            "await done(listener => folder(arguments[0])"
            f".deleteMessages({_FOUND}, null, false, false, listener, false))"
        )
        self.do(script, path, wanted)

    def keep(self, file: Path, destination: str) -> None:
        """Put a message into a folder, read, as it does with what it has sent."""
        script = (
            "const file = Cc['@mozilla.org/file/local;1'].createInstance(Ci.nsIFile);"
            "file.initWithPath(arguments[0]);"
            "await done(listener => MailServices.copy.copyFileMessage(file, folder(arguments[1]),"
            " null, false, Ci.nsMsgMessageFlags.Read, '', listener, null))"
        )
        self.do(script, str(file), destination)

    # ── Marionette ──────────────────────────────────────────────────────────────────────────

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        self._number += 1
        message = json.dumps([0, self._number, name, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(message), message))
        _, number, error, result = self._receive()
        assert number == self._number
        assert error is None, error
        return result

    def _receive(self) -> Any:
        length = b""
        while (octet := self._replies.read(1)) != b":":
            assert octet, "Thunderbird has gone"
            length += octet
        return json.loads(self._replies.read(int(length)))


@contextmanager
def thunderbird(folder: Path, owner: Owner) -> Iterator[Thunderbird]:
    """Thunderbird with the account of `owner` and a profile in `folder`, ended at the end."""
    profile = folder / "profile"
    profile.mkdir()
    lines = (f'user_pref("{name}", {json.dumps(v)});\n' for name, v in _PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    command = ["thunderbird", "--headless", "--no-remote", "--profile", str(profile)]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [*command, "--marionette", "--remote-allow-system-access"],
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        port = profile / "MarionetteActivePort"
        number = int(eventually(lambda: port.exists() and port.read_text(), _PATIENCE))
        with closing(socket.create_connection(("127.0.0.1", number), _PATIENCE)) as connection:
            running = Thunderbird(connection)
            pem = (owner.server.data / "tls" / "self-signed.pem").read_text()
            certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode()
            port_of_imap = owner.server.ports["imaps"]
            running.do(_ACCOUNT, owner.address, owner.password, port_of_imap, certificate)
            yield running
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
