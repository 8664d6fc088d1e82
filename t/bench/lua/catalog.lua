-- The document, made ready once for all requests: for each resource its
-- releases in order of choice, with rules that releases share as one table,
-- sets instead of arrays, and parsed versions.

local cjson = require "cjson"
local idset = require "idset"
local version = require "version"

local M = { rule_count = 0 }

local function read_json(path)
    return cjson.decode(assert(io.open(path)):read("*a"))
end

local function in_values(rule, value)
    if rule.exact[value] then return true end
    for _, prefix in ipairs(rule.prefixes) do
        if value:sub(1, #prefix) == prefix then return true end
    end
    return false
end

local function in_range(rule, value)
    local v = version.of(value)
    return v
        and not (rule.min and version.compare(v, rule.min) < 0)
        and not (rule.max and version.compare(v, rule.max) > 0)
        and not (rule.below and version.compare(v, rule.below) >= 0)
end

local tests = {
    ["in"] = in_values,
    not_in = function(rule, value) return not in_values(rule, value) end,
    range = in_range,
    not_range = function(rule, value)
        return version.of(value) and not in_range(rule, value)
    end,
}

local function compile_rule(rule)
    local made = { attribute = rule.attribute, test = tests[rule.op],
        exact = {}, prefixes = {} }

    for _, value in ipairs(rule.values or {}) do
        local prefix = value:match("^(.*)%*$")
        if prefix then table.insert(made.prefixes, prefix)
        else made.exact[value] = true end
    end
    for _, bound in ipairs { "min", "max", "below" } do
        made[bound] = rule[bound] and version.of(rule[bound])
    end
    return made
end

local known = {}

local function rule_of(rule)
    local key = table.concat({ rule.attribute, rule.op,
        rule.min or "", rule.max or "", rule.below or "",
        unpack(rule.values or {}) }, "\0")

    if not known[key] then
        M.rule_count = M.rule_count + 1
        known[key] = compile_rule(rule)
        known[key].id = M.rule_count
    end
    return known[key]
end

local function release_of(release, number, lists, manifests)
    local audience = release.audience
    local made = {
        number = number,
        platform = release.platform,
        version = version.of(release.version),
        all = audience.all,
        salt = ngx.crc32_long(release.id),
        threshold = audience.percent and audience.percent / 100 * 2 ^ 32,
        rules = {},
        lists = {},
        manifest = manifests[release.id],
    }
    for i, rule in ipairs(release.rules) do made.rules[i] = rule_of(rule) end
    for i, name in ipairs(audience.lists or {}) do
        made.lists[i] = lists[name]
    end
    return made
end

local function before(a, b)
    local order = version.compare(a.version, b.version)
    if order ~= 0 then return order > 0 end
    return a.number > b.number
end

-- files: document, manifests, ids; count of ids
function M.load(files, count)
    local document = read_json(files .. "/bench.json")
    local manifests = read_json(files .. "/manifests.json")
    local lists = { beta = idset.read(files .. "/ids", count) }
    local kinds = {}

    for number, release in ipairs(document.releases) do
        local names = kinds[release.kind] or {}
        local releases = names[release.name] or {}
        kinds[release.kind], names[release.name] = names, releases
        table.insert(releases, release_of(release, number, lists, manifests))
    end

    for _, names in pairs(kinds) do
        for _, releases in pairs(names) do table.sort(releases, before) end
    end

    M.apps = { [document.app] = kinds }
end

return M
