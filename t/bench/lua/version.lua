-- Versions: parsed once each, and kept. Segments are compared as numbers,
-- missing ones are zero; a prerelease is below its release.

local lrucache = require "resty.lrucache"

local M = {}
local pattern = [[^v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?$]]
local parsed = lrucache.new(10000)

local function parse(text)
    local m = ngx.re.match(text, pattern, "jo")
    if not m then return false end

    local version = { pre = m[2] }
    for number in m[1]:gmatch("%d+") do
        version[#version + 1] = tonumber(number)
    end
    return version
end

-- false: none.
function M.of(text)
    local version = parsed:get(text)
    if version == nil then
        version = parse(text)
        parsed:set(text, version)
    end
    return version
end

function M.compare(a, b)
    for i = 1, math.max(#a, #b) do
        local x, y = a[i] or 0, b[i] or 0
        if x ~= y then return x < y and -1 or 1 end
    end

    if a.pre == b.pre then return 0 end
    if a.pre == nil then return 1 end
    if b.pre == nil then return -1 end
    return a.pre < b.pre and -1 or 1
end

return M
