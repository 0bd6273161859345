"""How the portal becomes known to the service: a key pair made once, of which the service gets the public half."""

import json
from pathlib import Path

from joserfc.jwk import ECKey

from catalogs.model import Catalog
from catalogs.settings import ConfigurationError, kept_secret, scratch
from service import clients

KEY = "portal.jwk"


def connect(home: Path, catalog: Catalog, client: str) -> Path:
    """Register the portal at the service by its key, and return the file that holds the private half.

    Args:
        home: the state folder; the key is made there if there is none.
        catalog: in force; it says whether this client may be a portal, and whose it is.
        client: its name.

    Raises:
        ConfigurationError: the catalog knows no such portal.
    """
    known = catalog.campus.clients.get(client, {})
    if known.get("sessions") is not True or not known.get("unit"):
        raise ConfigurationError(
            f"clients.yaml has no portal {client!r}: a client with its unit and `sessions: true`. Nothing was made"
        )
    made = kept_secret(
        home, KEY, lambda: json.dumps(ECKey.generate_key("P-256", {"kid": "portal-1"}).as_dict(private=True))
    )
    key = ECKey.import_key(json.loads(made))
    with scratch("portal") as folder:
        public = folder / "portal.jwks.json"
        public.write_text(json.dumps({"keys": [key.as_dict(private=False)]}), encoding="utf-8")
        clients.register(client, str(known["unit"]), str(known.get("nameZh") or client), public)
    return home / "keys" / KEY
