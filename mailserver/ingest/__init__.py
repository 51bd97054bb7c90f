"""The one way mail comes in: digest, group commit, and only then a receipt.

arrival.py   what comes in, and what is given back
rows.py      an arrival as rows: ids, ready-made FETCH bytes
commit.py    everything a batch writes, in one transaction
writer.py    the queue in front of the one writer connection
"""

from mailserver.ingest.arrival import Arrival, Outbound, Placed, Placement, Receipt
from mailserver.ingest.commit import MailboxesGone
from mailserver.ingest.writer import Ingest

__all__ = ["Arrival", "Ingest", "MailboxesGone", "Outbound", "Placed", "Placement", "Receipt"]
