-- A set of ids in one array outside Lua's heap: open addressing, eight bytes a
-- slot, of which two hashes that are independent of each other fill one half
-- each. Zero is an empty slot.

local ffi = require "ffi"
local bit = require "bit"

ffi.cdef [[
typedef struct { uint32_t crc, murmur; } slot_t;
uint32_t ngx_murmur_hash2(const char *data, size_t len);
]]

local murmur = ffi.C.ngx_murmur_hash2
local crc32 = ngx.crc32_long
local band, tobit = bit.band, bit.tobit

local Set = {}
Set.__index = Set

local function hashes(id)
    local crc, mur = tobit(crc32(id)), tobit(murmur(id, #id))
    return crc, mur == 0 and 1 or mur
end

-- The slot where the id is, or would be.
local function find(self, crc, mur)
    local slots, mask = self.slots, self.mask
    local i = band(crc, mask)

    while slots[i].murmur ~= 0 do
        if tobit(slots[i].murmur) == mur and tobit(slots[i].crc) == crc then
            return i, true
        end
        i = band(i + 1, mask)
    end

    return i, false
end

function Set:has(id)
    local _, found = find(self, hashes(id))
    return found
end

function Set:add(id)
    local crc, mur = hashes(id)
    local i, found = find(self, crc, mur)

    if not found then
        self.slots[i].crc, self.slots[i].murmur = crc, mur
    end
end

local M = {}

-- The ids of a file, one a line.
function M.read(path, count)
    local size = 1
    while size < count * 1.5 do size = size * 2 end

    local set = setmetatable(
        { slots = ffi.new("slot_t[?]", size), mask = size - 1 }, Set)
    for id in io.lines(path) do set:add(id) end
    return set
end

return M
