// Asks by the SDK that a CodePush app has: its requests, and its reading of the
// answers.
//
// usage: node codepush.js MODULES URL DEPLOYMENT-KEY APP-VERSION DEVICE [LABEL HASH]

const [modules, serverUrl, deploymentKey, appVersion, clientUniqueId, label,
    packageHash] = process.argv.slice(2);
const http = require("http");
const { AcquisitionManager } =
    require(require("path").join(modules, "code-push/script/acquisition-sdk.js"));

const requester = { request(verb, url, body, callback) {
    http.get(url, response => {
        let text = "";
        response.on("data", d => text += d);
        response.on("end", () => (callback || body)(null,
            { statusCode: response.statusCode, body: text }));
    }).on("error", callback || body);
} };

new AcquisitionManager(requester, { serverUrl, deploymentKey, appVersion, clientUniqueId })
    .queryUpdateWithCurrentPackage({ appVersion, label, packageHash }, (error, update) =>
        console.log(JSON.stringify(error ? { error: error.message } : { update })));
