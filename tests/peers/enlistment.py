"""A client's way to a token and an enlistment, written against docs/interop.md and with other libraries than the
sandbox's own."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from names import GATEKEEPER, PASSWORD


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class ClientKey:
    """An Ed25519 key pair (RFC 8037)."""

    def __init__(self):
        self.private = Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = {"crv": "Ed25519", "kty": "OKP", "x": base64url(public)}
        # RFC 7638: the required members in the order of their names, without white space.
        canonical = json.dumps(self.public, sort_keys=True, separators=(",", ":")).encode()
        self.thumbprint = base64url(hashlib.sha256(canonical).digest())

    def prove(self, challenge, token):
        """A JWT over the challenge and the token's hash, with the public key in its header."""
        header = {"typ": "enlistment-proof+jwt", "alg": "EdDSA", "jwk": self.public}
        token_hash = base64url(hashlib.sha256(token.encode()).digest())
        claims = {"aud": GATEKEEPER, "challenge": challenge, "ath": token_hash}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{base64url(self.private.sign(signed.encode()))}"


def get_token(sandbox, visible_id, key=None):
    request = {"account": visible_id, "password": PASSWORD, "audience": GATEKEEPER}
    if key:
        request["key_thumbprint"] = key.thumbprint
    status, answer = sandbox.call(f"{sandbox.provider}/tokens", request)
    assert status == 201, answer
    return answer["token"]


def enlist(sandbox, visible_id):
    """The user's bare JID at the gatekeeper, and a token that opens streams for it."""
    key = ClientKey()
    token = get_token(sandbox, visible_id, key)
    status, given = sandbox.call(f"{sandbox.api}/challenges", {"key_thumbprint": key.thumbprint})
    assert status == 200, given
    proof = key.prove(given["challenge"], token)
    status, enlisted = sandbox.call(f"{sandbox.api}/enlistments", {"token": token, "proof": proof})
    assert status in (200, 201), enlisted
    assert enlisted["visible_id"] == visible_id
    return enlisted["jid"], token
