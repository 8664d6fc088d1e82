// Asks as expo-updates does, reads the answer by Expo's parsers, and verifies the
// signature and each asset.
//
// usage: node expo.js MODULES URL CERTIFICATE JSON (headers of the request)

const [modules, url, certificate, headers] = process.argv.slice(2);
const crypto = require("crypto");
const fs = require("fs");
const path = require("path");
const load = name => require(path.join(modules, name));
const { parseMultipartMixedResponseAsync } = load("@expo/multipart-body-parser");
const { convertCertificatePEMToCertificate } = load("@expo/code-signing-certificates");

async function verify(part) {
    const { parseDictionary } =
        await import(path.join(modules, "structured-headers/dist/index.js"));
    const field = parseDictionary(part.headers.get("expo-signature"));
    const text = fs.readFileSync(certificate, "utf8");
    convertCertificatePEMToCertificate(text);
    return field.get("keyid")[0] === "main" && field.get("alg")[0] === "rsa-v1_5-sha256"
        && crypto.verify("sha256", Buffer.from(part.body), new crypto.X509Certificate(text)
            .publicKey, Buffer.from(field.get("sig")[0], "base64"));
}

async function asset(entry) {
    const bytes = Buffer.from(await (await fetch(entry.url)).arrayBuffer());
    return crypto.createHash("sha256").update(bytes).digest("base64url") === entry.hash
        ? bytes.toString() : "refused";
}

(async () => {
    const response = await fetch(url, { headers: {
        "accept": "multipart/mixed,application/expo+json,application/json",
        "expo-protocol-version": "1", "expo-platform": "android",
        "expo-expect-signature": 'sig, keyid="main", alg="rsa-v1_5-sha256"',
        ...JSON.parse(headers) } });
    const said = { status: response.status,
        protocol: response.headers.get("expo-protocol-version"),
        cache: response.headers.get("cache-control") };
    if (response.status === 200) {
        const parts = await parseMultipartMixedResponseAsync(
            response.headers.get("content-type"), Buffer.from(await response.arrayBuffer()));
        for (const part of parts) {
            said[part.name] = JSON.parse(part.body);
            said.verified = await verify(part);
        }
        if (said.manifest) {
            said.bundle = await asset(said.manifest.launchAsset);
            said.assets = await Promise.all(said.manifest.assets.map(asset));
        }
    }
    console.log(JSON.stringify(said));
})().catch(e => console.log(JSON.stringify({ error: e.message })));
