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
    states                    what may be, on one side or on each of two
    mailboxes, worlds, floor  what the checker knows: names, copies of a message, counters
    check                     the checker as a command
    story                     what a history says of one message

Of two nodes that are each other's mirror:

    pair_rounds               rounds: the load goes on, the nodes come apart and together again
    pair, apart               the two nodes; how they come apart
    pair_load                 who works at which node
    twin, toggler, watcher    clients that change the same at both; all the time; or only look
    pair_checker, merging     the checker while there are two truths; what becomes of them

Of clients that are led to either of the two, connection by connection, and change one mailbox:

    crowd_load, roamer        who they are; one of them
    view                      what one session was told, and may be told
    crowd                     the checker when everybody changes everything

But for those, each copy of a message and each mailbox has one client that changes it (deliveries aside), while
many clients change the same account and the same INBOX. So what may be there is known exactly,
after an unknown outcome too, and every lock and counter is still shared.
"""
