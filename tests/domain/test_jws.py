"""Tokens are read strictly, believed only when one of our keys has signed them, and keys are named as the RFCs name them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from device.domain.jws import (
    MAX_BYTES,
    MAX_DEPTH,
    BadToken,
    Keyring,
    SigningKey,
    decode,
    fits,
    jwk_thumbprint,
    public_keys,
    seal,
    seal_part,
    sign,
    strict_object,
    thumbprint,
    unseal_part,
    verify,
)

# RFC 8037, appendix A: the key of A.1 and A.2, its thumbprint in A.3, the signature of A.4 that A.5 validates.
RFC_SECRET = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
RFC_PUBLIC = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
RFC_PAYLOAD = b"Example of Ed25519 signing"
RFC_JWS = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
# RFC 7638, section 3.1.
RFC_RSA = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W"
        "-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08q"
        "NLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
}
RFC_RSA_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

OURS = SigningKey(unseal_part(RFC_SECRET))
OTHER = SigningKey(bytes(range(32)))
RING = OURS.keyring


def reason(token: str, keyring: Keyring = RING) -> str | None:
    """None where the token is believed."""
    try:
        verify(decode(token), keyring)
    except BadToken as bad:
        return bad.reason
    return None


def test_the_example_of_rfc_8037_is_signed_to_the_byte() -> None:
    assert seal(b'{"alg":"EdDSA"}', RFC_PAYLOAD, OURS) == RFC_JWS


def test_the_signature_of_rfc_8037_fits_and_no_other_content_does() -> None:
    signed, _, signature = RFC_JWS.rpartition(".")
    assert fits(unseal_part(signature), signed.encode(), unseal_part(RFC_PUBLIC))
    assert not fits(unseal_part(signature), signed.encode() + b"A", unseal_part(RFC_PUBLIC))


def test_keys_are_named_as_in_rfc_8037_and_rfc_7638() -> None:
    assert seal_part(OURS.public) == RFC_PUBLIC
    assert thumbprint(OURS.public) == OURS.thumbprint == RFC_THUMBPRINT
    assert jwk_thumbprint(RFC_RSA) == RFC_RSA_THUMBPRINT


def test_a_payload_that_is_no_object_is_malformed_however_well_signed() -> None:
    for payload in (RFC_PAYLOAD, b"[]", b'"exp"', b"1", b"null", b""):
        assert reason(seal(b'{"alg":"EdDSA"}', payload, OURS)) == "malformed"


def test_what_was_signed_is_read_back() -> None:
    claims = {"sub": "Zoë 張", "exp": 1_700_000_000.5, "zones": [], "n": -(10**17)}
    assert verify(decode(sign(claims, OURS)), RING) == claims


def test_the_key_is_named_unless_a_shorter_token_is_wanted() -> None:
    assert decode(sign({}, OURS)).kid == RFC_THUMBPRINT
    assert decode(sign({}, OURS, kid="")).kid is None
    assert reason(sign({}, OURS, kid="")) is None


def test_without_kid_every_key_is_tried() -> None:
    assert reason(sign({}, OTHER, kid=""), RING | OTHER.keyring) is None
    assert reason(sign({}, OTHER, kid=""), RING) == "bad_signature"
    assert reason(sign({}, OTHER, kid=""), Keyring()) == "bad_signature"


def test_with_kid_only_that_key_is_tried() -> None:
    assert reason(sign({}, OTHER), RING) == "unknown_key"
    assert reason(sign({}, OTHER, kid=OURS.thumbprint), RING | OTHER.keyring) == "bad_signature"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "Ed25519"},
        {"alg": "eddsa"},
        {"alg": None},
        {"alg": ["EdDSA"]},
        {},
        {"typ": "JWT"},
        {"alg": "EdDSA", "crit": []},
        {"alg": "EdDSA", "crit": ["b64"], "b64": False},
        {"alg": "EdDSA", "kid": 7},
        {"alg": "EdDSA", "kid": None},
        {"alg": "EdDSA", "kid": [RFC_THUMBPRINT]},
    ],
)
def test_a_header_that_asks_for_anything_else_is_malformed(header: dict[str, object]) -> None:
    assert reason(seal(json.dumps(header).encode(), b"{}", OURS)) == "malformed"


def test_a_token_without_its_signature_is_not_believed() -> None:
    signed = sign({}, OURS).rpartition(".")[0]
    none = f"{seal_part(json.dumps({'alg': 'none'}).encode())}.{seal_part(b'{}')}."
    assert reason(f"{signed}.") == "bad_signature"
    assert reason(signed) == "malformed"
    assert reason(none) == "malformed"


def test_a_key_that_the_token_brings_along_is_not_looked_at() -> None:
    header = {"alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": seal_part(OTHER.public)}, "jku": "https://example.org/keys"}
    assert reason(seal(json.dumps(header).encode(), b"{}", OTHER)) == "bad_signature"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"exp":1,"exp":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"exp":NaN}',
        b'{"exp":Infinity}',
        b'{"exp":-Infinity}',
        b'{"exp":1e999}',
        b'{"exp":1000000000000000000000}',
        b'{"exp":' + b"9" * 5000 + b"}",
        b'{"sub":"\\ud800"}',
        b'{"sub":"\xff"}',
        b'{"sub":"\n"}',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a":' * 1500,
        b"[" * 6000,
    ],
)
def test_json_that_others_could_read_differently_is_malformed(payload: bytes) -> None:
    assert reason(seal(b'{"alg":"EdDSA"}', payload, OURS)) == "malformed"


def test_a_name_twice_in_the_header_is_malformed() -> None:
    assert reason(seal(b'{"alg":"EdDSA","alg":"EdDSA"}', b"{}", OURS)) == "malformed"


def test_nesting_up_to_the_limit_is_read() -> None:
    deepest = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert strict_object(deepest)["a"] is not None


@pytest.mark.parametrize("spoil", ["{}=", "{}\n", " {}", "{}.", "{}.e30", "\u00e9{}", "{}\u0660"])
def test_a_token_has_one_spelling(spoil: str) -> None:
    assert reason(spoil.format(sign({}, OURS))) == "malformed"


def test_stray_bits_at_the_end_of_a_part_are_malformed() -> None:
    token = sign({}, OURS)
    assert token[-1] in "AQgw"  # 64 bytes leave four spare bits in the last character
    assert reason(token[:-1] + chr(ord(token[-1]) + 1)) == "malformed"


def test_a_token_is_read_up_to_its_longest_and_no_further() -> None:
    def of_length(total: int) -> str:
        filled = sign({"a": "x" * 5000}, OURS)
        for extra in range(total - len(filled) + 1):
            longer = sign({"a": "x" * (5000 + extra)}, OURS)
            if len(longer) >= total:
                return longer
        raise AssertionError("unreachable")

    longest = of_length(MAX_BYTES - 1)
    assert MAX_BYTES - 1 <= len(longest) <= MAX_BYTES
    assert reason(longest) is None
    assert reason(of_length(MAX_BYTES + 1)) == "malformed"


@given(st.text())
def test_no_text_raises_anything_but_bad_token(text: str) -> None:
    assert reason(text) == "malformed"


@given(st.lists(st.text(alphabet="ABCxyz019-_", max_size=40), min_size=2, max_size=4).map(".".join))
def test_nothing_of_the_right_form_is_believed_by_chance(text: str) -> None:
    assert reason(text) is not None


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_may_be_signed_and_only_objects_are_read(header: bytes, payload: bytes) -> None:
    token = seal(b'{"alg":"EdDSA"}', payload, OURS)
    assert reason(token) in (None, "malformed")
    assert reason(seal(header, payload, OURS)) in (None, "malformed")


@given(st.data())
def test_any_altered_character_loses_the_belief(data: st.DataObject) -> None:
    token = sign({"sub": "guest", "zones": ["a"]}, OURS)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda mark: mark != token[place]))
    assert reason(token[:place] + letter + token[place + 1 :]) is not None


@given(st.binary(max_size=80))
def test_the_parts_of_a_token_survive_the_round_trip(content: bytes) -> None:
    assert unseal_part(seal_part(content)) == content


def test_keys_survive_their_files() -> None:
    key = SigningKey.generate()
    assert SigningKey.from_pem(key.private_pem()) == key
    assert public_keys(key.public_pem()) == [key.public]
    assert key.public_pem().startswith(b"-----BEGIN PUBLIC KEY-----\n")
    assert SigningKey.generate() != key


@given(st.binary(min_size=32, max_size=32), st.sampled_from([b"\n", b"\r\n"]))
def test_public_keys_are_written_and_read_as_by_others(secret: bytes, ending: bytes) -> None:
    key = SigningKey(secret)
    theirs = ed25519.Ed25519PrivateKey.from_private_bytes(secret).public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    assert key.public_pem() == theirs.public_bytes(serialization.Encoding.PEM, spki)
    assert public_keys(key.public_pem().replace(b"\n", ending)) == [theirs.public_bytes_raw()]


def test_a_file_may_hold_several_keys_and_notes_between_them() -> None:
    both = b"# the old one\n" + OURS.public_pem() + b"\n# the new one\r\n" + OTHER.public_pem()
    assert set(Keyring.from_pem(both).keys) == {OURS.thumbprint, OTHER.thumbprint}
    assert Keyring.from_pem(OURS.public_pem(), OTHER.public_pem()) == OURS.keyring | OTHER.keyring


def test_a_key_file_with_something_else_says_what_is_wrong() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    of_another_kind = elliptic.public_key().public_bytes(serialization.Encoding.PEM, spki)
    for pem, words in (
        (OURS.private_pem(), "private key"),
        (of_another_kind, "another kind"),
        (OURS.public_pem().replace(b"MC", b"!!"), "damaged"),
        (OURS.public_pem().replace(b"MCow", b"MCsw"), "damaged"),
        (OURS.public_pem().replace(b"\n-----END", b"AAAA\n-----END"), "damaged"),
        (b"", "BEGIN PUBLIC KEY"),
        (b"-----BEGIN PUBLIC KEY-----\n", "BEGIN PUBLIC KEY"),
    ):
        with pytest.raises(ValueError, match=words):
            public_keys(pem)


def test_a_private_key_file_with_something_else_says_what_is_wrong() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pkcs8 = serialization.PrivateFormat.PKCS8
    of_another_kind = private.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
    locked = private.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.BestAvailableEncryption(b"x"))
    # RFC 8410, 7: the same structure around 31 bytes.
    short = b"-----BEGIN PRIVATE KEY-----\nMC0CAQAwBQYDK2VwBCEEHwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PRIVATE KEY-----\n"
    for pem, words in (
        (of_another_kind, "another kind"),
        (locked, "password"),
        (short, "BEGIN PRIVATE KEY"),
        (OURS.public_pem(), "BEGIN PRIVATE KEY"),
        (b"", "BEGIN"),
    ):
        with pytest.raises(ValueError, match=words):
            SigningKey.from_pem(pem)


def test_a_secret_is_never_shown() -> None:
    assert repr(OURS) == "SigningKey()"


def test_reading_the_module_does_not_load_the_cryptography() -> None:
    program = "import sys, device.domain.jws; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
