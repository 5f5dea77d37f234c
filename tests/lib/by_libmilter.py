"""Serves one of the tests' milters by libmilter, which may make every change there is."""

import Milter


def serve(kind: type, name: str, address: str) -> None:
    Milter.factory = kind
    Milter.set_flags(
        Milter.ADDHDRS
        | Milter.CHGHDRS
        | Milter.CHGBODY
        | Milter.CHGFROM
        | Milter.ADDRCPT
        | Milter.DELRCPT
        | Milter.QUARANTINE
    )
    Milter.runmilter(name, address, 60)
