// Runs electron-updater outside of Electron: its own updater, provider, parsers
// and checks, with Node's HTTP in the place of Chromium's.
//
// usage: node electron.js MODULES URL VERSION FOLDER STAGING-ID
// Prints a line of JSON: what it was offered, and where the file is; or its error.

const [modules, url, version, folder, staging] = process.argv.slice(2);
const fs = require("fs");
const http = require("http");
const path = require("path");
const { HttpExecutor, configureRequestUrl, configureRequestOptions } =
    require(path.join(modules, "builder-util-runtime"));
const { AppImageUpdater } =
    require(path.join(modules, "electron-updater/out/AppImageUpdater.js"));

class NodeExecutor extends HttpExecutor {
    createRequest(options, callback) {
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
fs.writeFileSync(process.env.APPIMAGE, "old");

const updater = new AppImageUpdater(null, {
    version, name: "shop", isPackaged: true,
    appUpdateConfigPath: path.join(folder, "app-update.yml"),
    userDataPath: folder, baseCachePath: folder,
    whenReady: () => Promise.resolve(), onQuit: () => {}, quit: () => {},
});
updater.httpExecutor = new NodeExecutor();
updater.logger = null;
updater.autoDownload = false;
updater.disableDifferentialDownload = true;

(async () => {
    updater.setFeedURL({ provider: "generic", url });
    const result = await updater.checkForUpdates();
    const offered = { version: result.updateInfo.version,
        notes: result.updateInfo.releaseNotes, available: result.isUpdateAvailable };
    if (offered.available) {
        offered.file = (await updater.downloadUpdate())[0];
    }
    console.log(JSON.stringify(offered));
})().catch(e => console.log(JSON.stringify({ error: e.message, code: e.code })));
