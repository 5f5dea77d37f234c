"""OpenLDAP from Debian's package with the project's schema, as directory of a shape."""

import shutil
import subprocess
from pathlib import Path

import service
from service import SYSTEM_PATHS, Service

SCHEMA = Path(__file__).resolve().parents[2] / "deploy" / "rookery.schema"
PORT = 636
BASE = "dc=example,dc=test"
READER, READER_PASSWORD = f"cn=rookery,{BASE}", "of the service"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "admin"
CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {schema}
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/pid
argsfile {folder}/args
TLSCACertificateFile {authority}
TLSCertificateFile {chain}
TLSCertificateKeyFile {key}
sizelimit size.soft=500 size.hard=500 size.pr=500 size.prtotal=unlimited
database mdb
maxsize 1073741824
suffix "{base}"
directory {folder}/data
rootdn "{admin}"
rootpw {password}
index mail,rookeryAlias eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""
ENTRIES = f"""dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: rookery
userPassword: {READER_PASSWORD}

"""


def entry(address: str, password: str, home: str) -> str:
    """`home`: the host, or hosts, that his mail is at."""
    local = address.partition("@")[0]
    return (f"dn: uid={local},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: rookeryUser\n"
            f"uid: {local}\ncn: {local}\nsn: {local}\nmail: {address}\nuserPassword: {password}\n"
            f"rookeryToHost: {home}\n\n")  # fmt: skip


def make(folder: Path, name: str, host: str, port: int, namespace: str, certificate: tuple[Path, Path, Path],
         users: list[tuple[str, str, str]]) -> Service:  # fmt: skip
    """`certificate`: authority, chain, key. Users: address, password, home."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    authority, chain, key = certificate
    config = folder / "slapd.conf"
    config.write_text(CONFIG.format(folder=folder, schema=SCHEMA, authority=authority, chain=chain, key=key,
                                    base=BASE, admin=ADMIN, password=ADMIN_PASSWORD, reader=READER))  # fmt: skip
    ldif = folder / "users.ldif"
    ldif.write_text(ENTRIES + "".join(entry(*user) for user in users))
    program = shutil.which("slapadd", path=SYSTEM_PATHS)
    if program is None:
        raise RuntimeError("slapd is not installed (script/setup --test)")
    done = subprocess.run([program, "-q", "-f", str(config), "-l", str(ldif)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"slapadd: {done.stderr.strip()}")
    words = ["slapd", "-d", "0", "-f", str(config), "-h", f"ldaps://{host}:{port}"]
    return service.make(folder, name, "slapd", words, host, port, namespace)
