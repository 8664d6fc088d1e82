// Makes an RSA key and a certificate as Expo's tool does.
//
// usage: node expo_keys.js MODULES FOLDER

const [modules, folder] = process.argv.slice(2);
const fs = require("fs");
const path = require("path");
const signing = require(path.join(modules, "@expo/code-signing-certificates"));

const from = new Date(Date.now() - 86400e3), to = new Date(Date.now() + 86400e3);
for (const name of ["private-key", "other-key"]) {
    const keyPair = signing.generateKeyPair();
    fs.writeFileSync(path.join(folder, name + ".pem"),
        signing.convertKeyPairToPEM(keyPair).privateKeyPEM);
    fs.writeFileSync(path.join(folder, name + "-certificate.pem"),
        signing.convertCertificateToCertificatePEM(
            signing.generateSelfSignedCodeSigningCertificate({ keyPair,
                validityNotBefore: from, validityNotAfter: to, commonName: "shop" })));
}
