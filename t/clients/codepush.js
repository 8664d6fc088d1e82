// Asks, and reports, by the SDK that a CodePush app has: its requests, and its
// reading of the answers.
//
// usage: node codepush.js MODULES URL DEPLOYMENT-KEY APP-VERSION DEVICE [LABEL HASH]
//        node codepush.js MODULES URL DEPLOYMENT-KEY APP-VERSION DEVICE LABEL - EVENT

const [modules, serverUrl, deploymentKey, appVersion, clientUniqueId, label,
    packageHash, event] = process.argv.slice(2);
const http = require("http");
const { AcquisitionManager } =
    require(require("path").join(modules, "code-push/script/acquisition-sdk.js"));

const requester = { request(verb, url, body, callback) {
    const options = { method: verb === 2 ? "POST" : "GET",
        headers: { "Content-Type": "application/json", "X-CodePush-SDK-Version": "4.2.3" } };
    const done = callback || body;
    http.request(url, options, response => {
        let text = "";
        response.on("data", d => text += d);
        response.on("end", () => done(null,
            { statusCode: response.statusCode, body: text }));
    }).on("error", done).end(callback ? body : undefined);
} };

const print = (error, update) =>
    console.log(JSON.stringify(error ? { error: error.message } : { update }));
const client = new AcquisitionManager(requester,
    { serverUrl, deploymentKey, appVersion, clientUniqueId });

if (event === undefined)
    client.queryUpdateWithCurrentPackage({ appVersion, label, packageHash }, print);
else if (event === "Downloaded")
    client.reportStatusDownload({ label }, print);
else
    client.reportStatusDeploy({ label, appVersion }, event, null, null, print);
