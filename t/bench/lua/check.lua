-- GET check: the first release whose rules and audience hold; its manifest, if
-- it is above what is installed.

local bit = require "bit"
local catalog = require "catalog"
local ffi = require "ffi"
local version = require "version"

local band, bxor, lshift, rshift = bit.band, bit.bxor, bit.lshift, bit.rshift
local tobit = bit.tobit
local murmur = ffi.C.ngx_murmur_hash2

local M = {}

-- Rules are judged once a request; nothing yields between.
local request = 0
local judged, holds = {}, {}

local function rules_hold(rules, args)
    for i = 1, #rules do
        local rule = rules[i]
        local id = rule.id

        if judged[id] ~= request then
            local value = args[rule.attribute]
            judged[id] = request
            holds[id] = value and rule.test(rule, value) or false
        end
        if not holds[id] then return false end
    end
    return true
end

-- Exact in doubles, for b below 2^16.
local function mul32(a, b)
    local high = band(rshift(a, 16) * b, 0xffff)
    return tobit(band(a, 0xffff) * b + lshift(high, 16))
end

-- As murmur3 ends: a device is spread anew for each release.
local function spread(h)
    h = mul32(bxor(h, rshift(h, 16)), 0x85eb)
    h = mul32(bxor(h, rshift(h, 13)), 0xc2b3)
    return bxor(h, rshift(h, 16)) % 2 ^ 32
end

local function in_audience(release, args, device)
    local user = args.user

    if release.all then return true end
    if user then
        for i = 1, #release.lists do
            if release.lists[i]:has(user) then return true end
        end
    end
    return release.threshold and device
        and spread(bxor(device, release.salt)) < release.threshold
end

local function choose(releases, args)
    local device = args.device and tobit(murmur(args.device, #args.device))

    for i = 1, #releases do
        local release = releases[i]
        if (release.platform == nil or release.platform == args.platform)
            and rules_hold(release.rules, args)
            and in_audience(release, args, device)
        then
            return release
        end
    end
end

local function releases_of(args)
    local kinds = catalog.apps[args.app]
    local names = kinds and kinds[args.kind]
    return names and names[args.name or ""]
end

function M.run()
    local args = ngx.req.get_uri_args(64)
    if type(args.app) ~= "string" or type(args.kind) ~= "string" then
        return ngx.exit(400)
    end
    request = request + 1

    local releases = releases_of(args)
    local release = releases and choose(releases, args)
    local installed = args.version and version.of(args.version)

    if not release or installed
        and version.compare(release.version, installed) <= 0
    then
        return ngx.exit(204)
    end

    local header, manifest = ngx.header, release.manifest
    header["Content-Type"] = "application/json"
    header["Content-Length"] = #manifest.body
    header["MDS-Signature"] = manifest.signature
    ngx.print(manifest.body)
end

return M
