"""How a system that is asked over HTTP is told who asks: what `auth` of its entry in systems.yaml may say.

docs/own-campus.md says what each key is for; a test holds the two together.
"""

import re

from catalogs.fields import Fields
from catalogs.settings import variable_of

CLIENT_CREDENTIALS = "client_credentials"
SEND_AS = ("basic", "form", "json", "query")
_RENEWED = (
    "send_as", "id_param", "secret_param", "params", "access_token", "expires_in", "expired", "header", "scheme",
    "query_param",
)  # fmt: skip
# Type → the keys that it needs, and those that it may have.
AUTH_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "none": ((), ()),
    "bearer": (("token",), ()),
    "basic": (("user", "password"), ()),
    CLIENT_CREDENTIALS: (("token_url", "id", "secret"), _RENEWED),
}
_PLAIN_ADDRESS = re.compile(r"(https?://[^\s/?#@]+)?(/[^\s?#]*)?\Z")


def is_plain_address(address: str) -> bool:
    """Whether an address, or a path, holds neither an account nor parameters: logs show addresses."""
    return bool(address) and _PLAIN_ADDRESS.match(address) is not None


def tell_auth_faults(auth: Fields) -> None:
    """Tell keys that a type of `auth` does not know, misses, or cannot mean.

    Args:
        auth: the mapping `auth` of a system's entry.
    """
    kind = auth.among("type", auth.text("type", default="none"), AUTH_KEYS, "")
    if not kind:
        return
    needed, possible = AUTH_KEYS[kind]
    auth.only(("type", *needed, *possible))
    for key in needed:
        auth.text(key, required=True)
    if kind == CLIENT_CREDENTIALS:
        _tell_renewed_faults(auth)


def _tell_renewed_faults(auth: Fields) -> None:
    address = auth.text("token_url")
    if address and not variable_of(address) and not is_plain_address(address):
        auth.fault(
            "V03",
            "token_url",
            '"token_url" is not an address without account and parameters',
            expected="https://… or a path below base_url",
            mend="write what follows the ? under params, id and secret apart",
        )
    auth.text("send_as", among=SEND_AS)
    for key in ("id_param", "secret_param", "header", "scheme", "query_param"):
        auth.text(key)
    for key in ("access_token", "expires_in"):
        _tell_path(auth, key, auth.text(key))
    if params := auth.inner("params"):
        for name in params.data:
            params.text(name)
    if expired := auth.inner("expired"):
        for path, words in expired.data.items():
            _tell_path(expired, path, path)
            if isinstance(words, list):
                expired.words(path)
            else:
                expired.text(path)
    if "query_param" in auth.data and ("header" in auth.data or "scheme" in auth.data):
        auth.fault(
            "V03",
            "query_param",
            '"query_param" beside a header',
            expected="one way to send the token",
            mend="drop query_param, or header and scheme",
        )


def _tell_path(fields: Fields, key: str, path: str) -> None:
    if path and not path.startswith("$"):
        fields.fault("V03", key, f'"{key}" is not a JSONPath', expected="a place like $.data.token")
