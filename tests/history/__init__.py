"""Simulated mail clients, the history that they record, and the checker that reads it.

    wire, imap, smtp, pop3    what goes over a connection
    messages                  messages with an id and a hash
    record                    the event log: what is in it, and writing it
    client                    what the clients share: senders, popper, reader (and its model)
    load                      a dozen of them, in rounds
    kills                     how a node dies in a round
    full_disk                 how its disk has no room for a moment
    observe                   all that an account holds, as one event
    moment                    a history cut where a copy was taken
    checker                   events in, broken rules out
    mailboxes, worlds, floor  what the checker knows: names, copies of a message, counters
    check                     the checker as a command

Each copy of a message and each mailbox has one client that changes it (deliveries aside), while
many clients change the same account and the same INBOX. So what may be there is known exactly,
after an unknown outcome too, and every lock and counter is still shared.
"""
