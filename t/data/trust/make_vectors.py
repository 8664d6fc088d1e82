#!/usr/bin/env python3
"""Makes docs/vectors/trust.json: roots, heads, manifests and proofs, with the keys of the
names below, and for each case whether a device takes it. It shares no code with
lib/. Usage: make_vectors.py > docs/vectors/trust.json

A case: `root` is built into the device; `roots` is what the edge gives for the
versions after it, one after the other; `head`, `manifest`, `signature` and
`proof` are its other answers; `seen` is the serial of the newest head that the
device has seen; `now` is its clock; `request` is what it asks for.
"""

import base64
import copy
import hashlib
import json

import ed25519

NOW = "2026-12-01T00:00:00Z"
APP = "com.example.shop"
TYPE = "application/vnd.mds.%s+json"


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Key:
    def __init__(self, name):
        self.secret = sha256(name.encode())
        self.bytes = ed25519.public(self.secret)
        self.id = sha256(self.bytes)[:8].hex().upper()

    def sign(self, kind, body):
        head = "DSSEv1 %d %s %d " % (len(TYPE % kind), TYPE % kind, len(body))
        return ed25519.sign(self.secret, head.encode() + body)


anna, ben, cleo, dora, ops, ops2, head1, head2, thief = map(Key, (
    "anna", "ben", "cleo", "dora", "ops", "ops2", "head1", "head2", "thief"))


def envelope(kind, payload, *keys):
    body = compact(payload).encode()
    return compact({"payload": b64(body), "payloadType": TYPE % kind, "signatures": [
        {"keyid": key.id, "sig": b64(key.sign(kind, body))} for key in keys]})


def root(version, roots=(anna, ben, cleo), sign=(ops,), heads=(head1,), signers=(anna, ben),
         threshold=2, expires="2027-12-01T00:00:00Z"):
    return envelope("root", {
        "version": version, "issued": "2026-11-01T00:00:00Z", "expires": expires,
        "keys": {k.id: b64(k.bytes) for k in (*roots, *sign, *heads)},
        "roles": {name: {"keyids": [k.id for k in keys], "threshold": n} for name, keys, n in (
            ("root", roots, threshold), ("sign", sign, 1), ("head", heads, 1))},
    }, *signers)


def manifest(**changes):
    return compact({"app": APP, "kind": "hotfix", "name": "", "platform": "android",
        "channel": "*", "action": "rollback", "from": "2", "version": None,
        "release": "fix-2", "serial": 815, **changes})


def mth(d):
    if not d:
        return sha256(b"")
    if len(d) == 1:
        return sha256(b"\0" + d[0])
    k = 1 << (len(d) - 1).bit_length() - 1
    return sha256(b"\1" + mth(d[:k]) + mth(d[k:]))


def path(m, d):
    if len(d) <= 1:
        return []
    k = 1 << (len(d) - 1).bit_length() - 1
    return path(m, d[:k]) + [mth(d[k:])] if m < k else path(m - k, d[k:]) + [mth(d[:k])]


class Tree:
    def __init__(self, *manifests):
        self.entries = sorted((m.encode() for m in manifests), key=sha256)

    def proof(self, text, index=None, size=None, hashes=None):
        i = self.entries.index(text.encode())
        hashes = path(i, self.entries) if hashes is None else hashes
        return "index=%d, size=%d, path=:%s:" % (
            i if index is None else index, len(self.entries) if size is None else size,
            b64(b"".join(hashes)))

    def head(self, key=head1, kind="head", **changes):
        return envelope(kind, {"app": APP, "serial": 812, "issued": "2026-11-30T00:00:00Z",
            "expires": "2026-12-07T00:00:00Z", "root": 1, "manifests": {
                "count": len(self.entries), "sha256": mth(self.entries).hex()}, **changes}, key)


good = manifest()
others = [manifest(release="r%d" % i) for i in range(12)]
tree = Tree(good, *others[:6])
request = {"app": APP, "kind": "hotfix", "platform": "android", "version": "2"}
cases = []


def signed(text, key=ops):
    return 'keyid="%s", sig=:%s:' % (key.id, b64(key.sign("manifest", text.encode())))


def case(name, accept=False, **changes):
    text = changes.get("manifest", good)
    of = changes.pop("tree", tree)
    key = changes.pop("key", ops)
    made = {"name": name, "accept": accept, "now": NOW, "app": APP, "seen": 0,
        "request": request, "root": root(1), "roots": [], "head": of.head(),
        "manifest": text, "signature": signed(text, key), "proof": ""}
    if "proof" not in changes and text.encode() in of.entries:
        made["proof"] = of.proof(text)
    made.update(changes)
    cases.append(made)


case("what is in force", True)
for n in (1, 2, 3, 4, 5, 8, 9):
    case("a tree of %d manifests" % n, True, tree=Tree(good, *others[:n - 1]))
case("a head with the serial that was seen", True, seen=812)

# arbitrary installation
case("a manifest that a thief has signed", key=thief)
case("a manifest that a head key has signed", key=head1)
case("a signature of another manifest", signature=signed(others[0]))

# a version that was withdrawn, a rollback that was put right
old = Tree(good, *others[:3])
new = Tree(*others[:6])
case("a manifest that was withdrawn, with its old proof", head=new.head(), proof=old.proof(good))
case("the same with the old head, which was seen to be replaced", seen=813, tree=old)
case("the same with the old head, which has expired", head=old.head(
    expires="2026-11-30T23:59:59Z"), proof=old.proof(good))

# freeze
case("a head that has expired", head=tree.head(expires=NOW))
case("a root that has expired", root=root(1, expires=NOW))
case("a root that has expired, and the next one", True, root=root(1, expires=NOW),
    roots=[root(2)])
case("a newer root is held back", head=tree.head(root=2))

# mix and match
case("the head of another app", head=tree.head(app="com.example.game"))
for name, change in (("app", {"app": "com.example.game"}), ("kind", {"kind": "upgrade"}),
        ("platform", {"platform": "ios"}), ("channel", {"channel": ["xiaomi"]}),
        ("name", {"name": "other"}), ("version", {"from": "3"})):
    text = manifest(**change)
    case("a manifest of another %s" % name, manifest=text, tree=Tree(text, *others[:2]))

# fast forward, and its recovery
far = 10 ** 15
case("a head of a far serial, by a stolen key", True, head=tree.head(serial=far))
case("after it, a true head", seen=far)
case("after it, a root with other keys of heads", True, seen=far,
    roots=[root(2, heads=(head2,))], head=tree.head(head2, root=2))
case("after that, a head by the stolen key", roots=[root(2, heads=(head2,))], head=tree.head())
case("after it, a root with the same keys of heads", seen=far, roots=[root(2)])

# roles and keys
case("a head that a key of apps has signed", head=tree.head(ops))
case("a head that a root key has signed", head=tree.head(anna))
case("a head that a thief has signed", head=tree.head(thief))
case("a head with the type of a root", head=tree.head(kind="root"))
case("a stolen key of apps, which a root has dropped", roots=[root(2, sign=(ops2,))])
case("the new key of apps", True, roots=[root(2, sign=(ops2,))], key=ops2)

# roots
case("the next root", True, roots=[root(2)])
case("two roots", True, roots=[root(2), root(3)])
case("another root key in place of one", True,
    roots=[root(2, roots=(ben, cleo, dora), signers=(ben, cleo))])
case("an old root instead of the next", roots=[root(1)])
case("a root after the next", roots=[root(3)])
case("a root that too few of the one before have signed",
    roots=[root(2, roots=(cleo, dora, thief), signers=(cleo, dora, thief))])
case("a root that too few of its own have signed",
    roots=[root(2, roots=(anna, dora, thief), signers=(anna, ben))])
case("a root that one key has signed twice", roots=[root(2, signers=(anna, anna))])
case("a root that a thief has signed", roots=[root(2, roots=(thief,), signers=(thief,),
    threshold=1)])
case("a root without signatures", roots=[root(2, signers=())])
case("a root that is signed as a head", roots=[
    root(2).replace("vnd.mds.root", "vnd.mds.head")])


def twin():
    body = json.loads(base64.b64decode(json.loads(root(2))["payload"]))
    body["keys"]["0123456789ABCDEF"] = b64(anna.bytes)
    body["roles"]["root"]["keyids"] = [anna.id, "0123456789ABCDEF"]
    made = json.loads(envelope("root", body, anna, ben))
    made["signatures"].append({"keyid": "0123456789ABCDEF",
        "sig": made["signatures"][0]["sig"]})
    return compact(made)


case("a root with one key under two ids", roots=[twin()])
changed = json.loads(root(2))
changed["payload"] = b64(base64.b64decode(changed["payload"]).replace(b"2027-12", b"2028-12"))
case("a root that was changed", roots=[compact(changed)])

# proofs
index = tree.entries.index(good.encode())
hashes = path(index, tree.entries)
case("no proof", proof="")
case("a proof of another tree", proof=Tree(good, *others[6:12]).proof(good))
case("a proof of a smaller tree", proof=old.proof(good))
case("a proof of another size", proof=tree.proof(good, size=8))
case("a proof of another index", proof=tree.proof(good, index=index ^ 1))
case("an index behind the tree", proof=tree.proof(good, index=7))
case("a path that is too long", proof=tree.proof(good, hashes=hashes + [sha256(b"")]))
case("a path that is too short", proof=tree.proof(good, hashes=hashes[:-1]))
case("an empty path", proof=tree.proof(good, hashes=[]))
case("half a hash", proof=tree.proof(good, hashes=hashes[:-1] + [hashes[-1][:16]]))
case("a path that does not end", proof=tree.proof(good, hashes=[sha256(b"")] * 40))
case("a proof that is not one", proof="yes")
case("an empty tree", head=Tree().head(), proof=tree.proof(good, index=0, size=0, hashes=[]))

print(json.dumps({"comment": "Made by make_vectors.py. Keys are public: never use them.",
    "cases": cases}, indent=1, ensure_ascii=False))
