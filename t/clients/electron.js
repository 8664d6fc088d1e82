// Runs electron-updater outside of Electron: its own updater, provider, parsers
// and checks, with Node's HTTP in the place of Chromium's.
//
// usage: node electron.js MODULES URL VERSION FOLDER STAGING-ID [OLD]
// Prints a line of JSON: what it was offered, and where the file is; or its error.
// With OLD, the installed file, it downloads the differences, and prints the ranges.

const [modules, url, version, folder, staging, old] = process.argv.slice(2);
const fs = require("fs");
const http = require("http");
const path = require("path");
const { HttpExecutor, configureRequestUrl, configureRequestOptions } =
    require(path.join(modules, "builder-util-runtime"));
const { AppImageUpdater } =
    require(path.join(modules, "electron-updater/out/AppImageUpdater.js"));

const ranges = [];

class NodeExecutor extends HttpExecutor {
    createRequest(options, callback) {
        const range = options.headers.Range || options.headers.range;
        if (range) {
            ranges.push(range);
        }
        return http.request(options, callback);
    }
    async download(from, destination, options) {
        return options.cancellationToken.createPromise((resolve, reject, onCancel) => {
            const request = { headers: options.headers || undefined };
            configureRequestUrl(from, request);
            configureRequestOptions(request);
            this.doDownload(request, { destination, options, onCancel,
                responseHandler: null,
                callback: e => e == null ? resolve(destination) : reject(e) }, 0);
        });
    }
}

fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(path.join(folder, ".updaterId"), staging);
fs.writeFileSync(path.join(folder, "app-update.yml"),
    `provider: generic\nurl: ${url}\nupdaterCacheDirName: cache\n`);
process.env.APPIMAGE = path.join(folder, "old.AppImage");
fs.writeFileSync(process.env.APPIMAGE, old ? fs.readFileSync(old) : "old");

const updater = new AppImageUpdater(null, {
    version, name: "shop", isPackaged: true,
    appUpdateConfigPath: path.join(folder, "app-update.yml"),
    userDataPath: folder, baseCachePath: folder,
    whenReady: () => Promise.resolve(), onQuit: () => {}, quit: () => {},
});
updater.httpExecutor = new NodeExecutor();
updater.logger = null;
updater.autoDownload = false;
updater.disableDifferentialDownload = !old;

(async () => {
    updater.setFeedURL({ provider: "generic", url });
    const result = await updater.checkForUpdates();
    const offered = { version: result.updateInfo.version,
        notes: result.updateInfo.releaseNotes, available: result.isUpdateAvailable };
    if (offered.available) {
        offered.file = (await updater.downloadUpdate())[0];
        offered.ranges = ranges;
    }
    console.log(JSON.stringify(offered));
})().catch(e => console.log(JSON.stringify({ error: e.message, code: e.code })));
