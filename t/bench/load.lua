-- wrk's script: sends the requests of a file in turn, over and over, and at
-- the end prints what was measured as one line of JSON.
--
--   wrk ... -s load.lua URL -- FILE FIRST
--
-- FILE: whole HTTP requests, each ended by a zero byte. A # in one becomes a
-- number that rises from FIRST.

local requests, at, number = {}, 0, 0

function init(args)
    number = tonumber(args[2])
    for request in io.open(args[1], "rb"):read("*a"):gmatch("(%Z+)%z") do
        local before, after = request:match("^(.*)#(.*)$")
        requests[#requests + 1] = before and { before, after } or request
    end
end

function request()
    at = at % #requests + 1
    local request = requests[at]
    if type(request) == "string" then return request end

    number = number + 1
    return request[1] .. number .. request[2]
end

function done(summary, latency)
    local e = summary.errors

    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"errors":%d,"wrong":%d,"p99":%.3f}\n',
        summary.requests, summary.duration / 1e6,
        e.connect + e.read + e.write + e.timeout, e.status,
        latency:percentile(99) / 1000))
end
