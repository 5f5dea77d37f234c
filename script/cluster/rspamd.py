"""rspamd from Debian's package, as a milter: by its own rules, asking nobody in the DNS."""

from pathlib import Path

import service
from service import Service

MILTER_PORT = 11332
CONFIG = """
options {{
	pidfile = "{folder}/pid";
	cache_file = "{folder}/cache";
	control_socket = "{folder}/control mode=0600";
	tempdir = "{folder}";
	url_tld = "{folder}/suffixes";
	filters = "";
	enable_test_patterns = true;
	dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "warning"; color = false; }}
lang_det {{ languages = "{folder}/none"; }}
worker "rspamd_proxy" {{
	bind_socket = "{bind}";
	milter = yes;
	count = 1;
	upstream "local" {{ default = yes; self_scan = yes; }}
}}
lua = "$RULESDIR/rspamd.lua"
{more}
"""


def write_config(folder: Path, bind: str, more: str = "") -> Path:
    """`bind` and `more`: as in its config."""
    (folder / "none").mkdir(parents=True, exist_ok=True)
    (folder / "suffixes").write_text("com\norg\nexample\ntest\n")
    config = folder / "rspamd.conf"
    config.write_text(CONFIG.format(folder=folder, bind=bind, more=more))
    return config


def make(folder: Path, name: str, port: int, namespace: str) -> Service:
    """On loopback of the machine that it is on."""
    config = write_config(folder, f"127.0.0.1:{port}")
    return service.make(folder, name, "rspamd", ["rspamd", "-f", "-i", "-c", str(config)], "127.0.0.1", port, namespace)
