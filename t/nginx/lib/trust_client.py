#!/usr/bin/env python3
"""A device that trusts a root, in another language: a judge of what mdsctl and
the module make. It knows docs/client.md, RFC 9162 and DSSE, and uses Python's
library alone, and none of the code in lib/.

  trust_client.py proof ROOT.json HEAD.json MANIFEST 'PROOF'
      checks that a proof leads from the manifest to the head
  trust_client.py root ROOT.json NEXT.json...
      checks that each root may follow the one before it
  trust_client.py vectors FILE.json
      checks a file of vectors: each case is accepted or refused as it says
  trust_client.py edge URL ROOT.json NOW NAME=VALUE...
      asks an edge as a device does whose clock says NOW

Prints "ok", or why it refuses.
"""

import base64
import datetime
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../data/trust"))
import ed25519

ROOT = "application/vnd.mds.root+json"
HEAD = "application/vnd.mds.head+json"
MANIFEST = "application/vnd.mds.manifest+json"


class Refused(Exception):
    pass


def demand(condition, why):
    if not condition:
        raise Refused(why)


def unique(pairs):
    demand(len({key for key, _ in pairs}) == len(pairs), "a key occurs twice")
    return dict(pairs)


def parse(text):
    return json.loads(text, object_pairs_hook=unique)


def decode(text):
    return base64.b64decode(text, validate=True)


def pae(kind, body):
    head = "DSSEv1 %d %s %d " % (len(kind), kind, len(body))
    return head.encode() + body


def verifies(key, kind, body, signature):
    return ed25519.verify(key, pae(kind, body), signature)


def signers(envelope, kind, keys):
    """The number of these keys (id to bytes) that have signed the envelope."""
    demand(envelope["payloadType"] == kind, "another payload type")
    body = decode(envelope["payload"])
    signed = {keys[s["keyid"]] for s in envelope["signatures"]
              if s["keyid"] in keys
              and verifies(keys[s["keyid"]], kind, body, decode(s["sig"]))}
    return len(signed)


def role(root, name):
    ids = root["roles"][name]["keyids"]
    keys = {key: decode(text) for key, text in root["keys"].items()}
    demand(len(set(keys.values())) == len(keys), "a key under two ids")
    demand(len(set(ids)) == len(ids), "a key is named twice")
    demand(1 <= root["roles"][name]["threshold"] <= len(ids), "threshold")
    return {key: keys[key] for key in ids}


def check_signers(root, envelope, name, kind):
    demand(signers(envelope, kind, role(root, name)) >= root["roles"][name]["threshold"],
           "not signed by enough %s keys" % name)


def read_root(text):
    envelope = parse(text)
    root = parse(decode(envelope["payload"]))
    check_signers(root, envelope, "root", ROOT)
    return envelope, root


def follow(root, text):
    envelope, new = read_root(text)
    demand(new["version"] == root["version"] + 1, "not the next version")
    check_signers(root, envelope, "root", ROOT)
    return new


def time_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def check_head(root, text, app, now, seen):
    envelope = parse(text)
    check_signers(root, envelope, "head", HEAD)
    head = parse(decode(envelope["payload"]))
    demand(app is None or head["app"] == app, "the head of another app")
    demand(time_of(head["expires"]) > now, "the head has expired")
    demand(head["serial"] >= seen, "an older head")
    demand(head["root"] <= root["version"], "a newer root is held back")
    return head


def sha256(data):
    return hashlib.sha256(data).digest()


def check_proof(head, manifest, text):
    """RFC 9162, 2.1.3.2."""
    members = unique([m.strip().split("=", 1) for m in text.split(",")])
    path = decode(members["path"].strip(":"))
    fn, size = int(members["index"]), int(members["size"])
    demand(len(path) % 32 == 0, "not whole hashes")
    demand(size == head["manifests"]["count"], "a proof of another tree")
    demand(fn < size, "no such leaf")
    sn = size - 1
    r = sha256(b"\0" + manifest)
    for p in (path[i:i + 32] for i in range(0, len(path), 32)):
        demand(sn != 0, "the path is too long")
        if fn & 1 or fn == sn:
            r = sha256(b"\1" + p + r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\1" + r + p)
        fn, sn = fn >> 1, sn >> 1
    demand(sn == 0, "the path is too short")
    demand(r.hex() == head["manifests"]["sha256"], "not in the tree")


def check_manifest(root, manifest, header):
    members = unique([m.strip().split("=", 1) for m in header.split(",")])
    keyid, keys = members["keyid"].strip('"'), role(root, "sign")
    demand(keyid in keys, "not signed by a key of apps")
    demand(verifies(keys[keyid], MANIFEST, manifest, decode(members["sig"].strip(":"))),
           "the signature is wrong")


def check_request(request, manifest):
    for name in "app", "kind", "name":
        demand(manifest[name] == request.get(name, ""), "for another %s" % name)
    demand(manifest["platform"] in ("*", request["platform"]), "for another platform")
    demand(manifest["channel"] == "*", "for another channel")
    demand(manifest["from"] == request["version"], "of another version")


def check_case(case):
    root = read_root(case["root"])[1]
    seen = case["seen"]
    for text in case["roots"]:
        new = follow(root, text)
        if role(new, "head") != role(root, "head"):
            seen = 0
        root = new
    now = time_of(case["now"])
    demand(time_of(root["expires"]) > now, "the root has expired")
    head = check_head(root, case["head"], case["app"], now, seen)
    manifest = case["manifest"].encode()
    check_manifest(root, manifest, case["signature"])
    check_proof(head, manifest, case["proof"])
    check_request(case["request"], parse(manifest))


BYTES_MAX = 256 * 1024
SECONDS_MAX = 2


def fetch(url, headers={}):
    """Status, header lines and body of an answer; one that is too long or too
    slow is refused."""
    end = time.monotonic() + SECONDS_MAX
    body = b""
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers),
                                        timeout=SECONDS_MAX)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        while part := answer.read1(BYTES_MAX + 1 - len(body)):
            body += part
            demand(len(body) <= BYTES_MAX, "an answer is too long")
            demand(time.monotonic() < end, "an answer is too slow")
    return answer.status, answer.headers, body


def check_edge(url, root, now, request):
    root = read_root(root)[1]
    while True:
        status, _, text = fetch("%strust/root/%d" % (url, root["version"] + 1))
        if status == 404:
            break
        demand(status == 200, "no root: %d" % status)
        root = follow(root, text)
    demand(time_of(root["expires"]) > now, "the root has expired")
    query = urllib.parse.urlencode({"app": request["app"]})
    status, _, text = fetch("%strust/head?%s" % (url, query))
    demand(status == 200, "no head: %d" % status)
    head = check_head(root, text, request["app"], now, 0)
    status, headers, manifest = fetch("%scheck?%s" % (url, urllib.parse.urlencode(request)),
                                      {"MDS-Want-Proof": "1"})
    if status != 204:
        demand(status == 200, "no manifest: %d" % status)
        check_manifest(root, manifest, headers["MDS-Signature"])
        check_proof(head, manifest, headers["MDS-Proof"])
        check_request(request, parse(manifest))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check_vectors(path):
    for case in parse(read(path))["cases"]:
        try:
            check_case(case)
            said = None
        except (Refused, KeyError, ValueError, TypeError) as why:
            said = str(why) or "refused"
        accepted = said is None
        demand(accepted == case["accept"],
               "%s: %s" % (case["name"], "accepted" if accepted else said))


def main(what, *args):
    now = datetime.datetime.now(datetime.timezone.utc)
    if what == "proof":
        root = read_root(read(args[0]))[1]
        head = check_head(root, read(args[1]), None, now, 0)
        check_proof(head, read(args[2]), args[3])
    elif what == "root":
        root = read_root(read(args[0]))[1]
        for path in args[1:]:
            root = follow(root, read(path))
    elif what == "edge":
        request = dict(pair.split("=", 1) for pair in args[3:])
        check_edge(args[0], read(args[1]), time_of(args[2]), request)
    else:
        check_vectors(args[0])


try:
    main(*sys.argv[1:])
    print("ok")
except (Refused, KeyError, ValueError, TypeError, OSError, AttributeError) as why:
    print("refused: %s" % (str(why) or why.__class__.__name__))
    sys.exit(1)
