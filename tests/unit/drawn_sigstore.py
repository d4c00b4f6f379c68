"""A Sigstore of our own: certificate authority, certificate log and transparency log, and a workflow that signs with them.

`Sigstore().bundle(payload)` is what `actions/attest` would leave; every keyword makes one thing of it different.
"""

import base64
import hashlib
import json
import struct
from datetime import UTC, datetime, timedelta

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIGNED_AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
BEGAN = SIGNED_AT - timedelta(days=365)
ENDS = SIGNED_AT + timedelta(days=3650)
REPOSITORY = "octo/evalgate"
WORKFLOW = ".github/workflows/evalgate.yml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
FULCIO = "1.3.6.1.4.1.57264.1."
SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
SHA256 = ec.ECDSA(hashes.SHA256())


def b64(content):
    return base64.b64encode(content).decode()


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def der_text(text):
    """A UTF8String in DER."""
    raw = text.encode()
    assert len(raw) < 256
    return b"\x0c" + (bytes([len(raw)]) if len(raw) < 128 else b"\x81" + bytes([len(raw)])) + raw


def pae(kind, payload):
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def leaf_hash(content):
    return hashlib.sha256(b"\0" + content).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Sigstore:
    """The keys of one instance."""

    def __init__(self):
        self.ca_key, self.ct_key, self.log_key = new_key(), new_key(), new_key()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "our fulcio")])
        self.ca = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.ca_key.public_key())
            .serial_number(1)
            .not_valid_before(BEGAN)
            .not_valid_after(ENDS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage(key_cert_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.ca_key.public_key()), critical=False)
            .sign(self.ca_key, hashes.SHA256())
        )

    def trusted_root(self):
        """The file that a verifier trusts."""
        valid = {"start": BEGAN.isoformat().replace("+00:00", "Z"), "end": ENDS.isoformat().replace("+00:00", "Z")}

        def log(key):
            return {
                "baseUrl": "https://log.invalid",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid},
                "logId": {"keyId": b64(hashlib.sha256(spki(key)).digest())},
            }

        authority = {
            "subject": {"organization": "us", "commonName": "our fulcio"},
            "uri": "https://fulcio.invalid",
            "certChain": {"certificates": [{"rawBytes": b64(self.ca.public_bytes(serialization.Encoding.DER))}]},
            "validFor": valid,
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [log(self.log_key)],
                "certificateAuthorities": [authority],
                "ctlogs": [log(self.ct_key)],
            }
        )

    def bundle(
        self,
        payload,
        *,
        kind="application/vnd.in-toto+json",
        repository=REPOSITORY,
        workflow=WORKFLOW,
        source=None,
        issuer=ISSUER,
        logged=SIGNED_AT,
        logged_payload=None,
    ):
        """A bundle of version 0.3, as a dict.

        Args:
            source: (repository, ref) that the run was for, where it is not the workflow's own.
            logged: When the log took it.
            logged_payload: What the log was told, where it is not what was signed.
        """
        key = new_key()
        certificate = self._certificate(key, repository, workflow, source, issuer)
        signature = key.sign(pae(kind, payload), SHA256)
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate.public_bytes(serialization.Encoding.DER))},
                "tlogEntries": [self._entry(certificate, signature, logged_payload or payload, logged)],
            },
            "dsseEnvelope": {"payload": b64(payload), "payloadType": kind, "signatures": [{"sig": b64(signature)}]},
        }

    def _certificate(self, key, repository, workflow, source, issuer):
        name, ref = source or (repository, workflow.rpartition("@")[2])
        identity = f"https://github.com/{repository}/{workflow}"
        said = {
            "1": issuer.encode(),
            "8": der_text(issuer),
            "9": der_text(identity),
            "12": der_text(f"https://github.com/{name}"),
            "14": der_text(ref),
        }
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.ca.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(SIGNED_AT - timedelta(minutes=1))
            .not_valid_after(SIGNED_AT + timedelta(minutes=9))
            .add_extension(usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(identity)]), critical=True)
        )
        for number, value in said.items():
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(FULCIO + number), value)
            builder = builder.add_extension(extension, critical=False)
        before = builder.sign(self.ca_key, hashes.SHA256())  # all but the certificate log's word
        word = x509.UnrecognizedExtension(SCT_LIST, self._sct_list(before.tbs_certificate_bytes))
        return builder.add_extension(word, critical=False).sign(self.ca_key, hashes.SHA256())

    def _sct_list(self, tbs):
        """RFC 6962, 3.2: what the certificate log signs, and its list of one in an OCTET STRING."""
        milliseconds = int(SIGNED_AT.timestamp() * 1000)
        issuer = hashlib.sha256(spki(self.ca_key)).digest()
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + issuer + len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
        signature = self.ct_key.sign(signed, SHA256)
        sct = b"\0" + hashlib.sha256(spki(self.ct_key)).digest() + struct.pack("!QH", milliseconds, 0)
        sct += b"\4\3" + struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
        return b"\x04" + (bytes([len(listed)]) if len(listed) < 128 else b"\x81" + bytes([len(listed)])) + listed

    def _entry(self, certificate, signature, payload, logged):
        """An entry of a log of two, with its promise, its proof and a signed checkpoint."""
        log_id = hashlib.sha256(spki(self.log_key)).digest()
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        body = rfc8785.dumps(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                    "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                    "signatures": [{"signature": b64(signature), "verifier": b64(pem)}],
                },
            }
        )
        at = int(logged.timestamp())
        promise = rfc8785.dumps({"body": b64(body), "integratedTime": at, "logID": log_id.hex(), "logIndex": 1})
        sibling = leaf_hash(b"somebody else's")
        root = node_hash(sibling, leaf_hash(body))
        note = f"our log - 1\n2\n{b64(root)}\n"
        signed_note = f"{note}\n— our-log {b64(log_id[:4] + self.log_key.sign(note.encode(), SHA256))}\n"
        return {
            "logIndex": "1",
            "logId": {"keyId": b64(log_id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.log_key.sign(promise, SHA256))},
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": b64(root),
                "treeSize": "2",
                "hashes": [b64(sibling)],
                "checkpoint": {"envelope": signed_note},
            },
            "canonicalizedBody": b64(body),
        }


def usage(**given):
    fields = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
    fields += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]
    return x509.KeyUsage(**{**dict.fromkeys(fields, False), **given})
