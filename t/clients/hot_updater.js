// Asks by the resolver of hot-updater's React Native package, and verifies the
// archive as its native half does: by the digest, or by an RSA signature of it.
//
// usage: node hot_updater.js MODULES URL PUBLIC-KEY JSON (the resolver's parameters)

const [modules, url, key, params] = process.argv.slice(2);
const crypto = require("crypto");
const fs = require("fs");
const { createDefaultResolver } = require(require("path").join(modules,
    "@hot-updater/react-native/lib/commonjs/DefaultResolver.js"));

async function archive(update) {
    const response = await fetch(update.fileUrl);
    const bytes = Buffer.from(await response.arrayBuffer());
    const digest = crypto.createHash("sha256").update(bytes).digest();
    if (!update.fileHash.startsWith("sig:")) {
        return update.fileHash === digest.toString("hex") ? bytes.toString() : "refused";
    }
    return crypto.verify("sha256", digest, fs.readFileSync(key),
        Buffer.from(update.fileHash.slice(4), "base64")) ? bytes.toString() : "refused";
}

(async () => {
    const update = await createDefaultResolver(url).checkUpdate(JSON.parse(params));
    if (update && update.fileUrl) {
        update.file = await archive(update);
    }
    console.log(JSON.stringify({ update }));
})().catch(e => console.log(JSON.stringify({ error: e.message })));
