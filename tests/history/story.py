"""What a history says of one message or mailbox, for people."""

from collections.abc import Iterable

from history.record import Event, ordered

MOST = 60  # lines
HIDDEN = ("op", "client", "node", "start", "end", "outcome", "account", "box", "rows", "others",
          "asked", "messages", "boxes", "quota", "sha", "text", "pairs", "modseqs")  # fmt: skip


def of(events: Iterable[Event], account: str, about: str, begin: int) -> list[str]:
    """A line an event, with seconds since `begin`; of many the last."""
    lines = [line(event, about, begin) for event in ordered(events)
             if event["op"] in ("apart", "together") or (
                 event["account"] == account and concerns(event, about))]  # fmt: skip
    return lines if len(lines) <= MOST else [f"… {len(lines) - MOST} events", *lines[-MOST:]]


def concerns(event: Event, about: str) -> bool:
    if about in (event.get("id"), event.get("box"), event.get("target")):
        return True
    if event["op"] in ("observe", "compare"):
        return True
    if any(about in entry for entry in event.get("boxes", []) if isinstance(entry, list)):
        return True
    return any(about == pair[1] for pair in pairs(event))


def pairs(event: Event) -> list[list[object]]:
    return [*event.get("messages", []), *event.get("rows", []), *event.get("others", []),
            *event.get("asked", [])]  # fmt: skip


def told(event: Event, uid: int | None, name: str, *seen: object) -> str:
    """Of one message."""
    words = f"UID {uid}"
    if uid in event.get("pairs", {}):
        words += f" → {event['pairs'][uid]}"
    if uid in event.get("modseqs", {}):
        words += f" modseq {event['modseqs'][uid]}"
    return words + (f" {seen}" if seen else "")


def line(event: Event, about: str, begin: int) -> str:
    start, end = ((event[key] - begin) / 1e9 for key in ("start", "end"))
    words = [f"{start:9.4f} to {end:8.4f}", f"{event['client']}@{event['node']}", event["op"]]
    words += [event["outcome"]] if event["outcome"] != "acknowledged" else []
    if event["op"] in ("observe", "compare"):
        found = [f"{row['uid']} in {box['name']} {row['flags']} modseq {row['modseq']}"
                 for box in event["boxes"] for row in box["rows"] if row["id"] == about]  # fmt: skip
        found += [f"named {box['name']!r}, UIDNEXT {box['uid_next']}" for box in event["boxes"]
                  if box["box"] == about]  # fmt: skip
        return " ".join([*words, "; ".join(found) or "not there"])
    if event.get("box") not in (about, None):
        words.append(f"box={event['box'][-6:]}")
    words += dict.fromkeys(told(event, *pair) for pair in pairs(event) if pair[1] == about)
    words += [f"{key}={value}" for key, value in event.items() if key not in HIDDEN]
    if "boxes" in event:
        words.append(str(event["boxes"]))
    return " ".join(words)[:300]
