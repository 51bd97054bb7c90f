"""The outbound side: from the queue to the remote mail exchange, or back as a bounce.

worker.py    claims what is due, keeps its leases, hands them back
sites.py     jobs by site, and the lanes that carry them: one connection, many messages
routing.py   where a domain's mail goes
client.py    one SMTP connection to a remote host (envelope.py: what is asked of it, and how)
outcome.py   what a reply or a failure means
schedule.py  when to try again, when to give up
letter.py    the bytes that are sent, with their DKIM signature (signing.py)
local.py     recipients whose domain is ours by now
report.py    the report that goes home (notices.py: whether one is owed)
recorder.py  outcomes into the queue, many in one transaction
"""
