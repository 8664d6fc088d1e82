-- wrk's script: sends the requests of a file in turn, over and over, and at
-- the end prints what was measured as one line of JSON.
--
--   wrk ... -s load.lua URL -- FILE
--
-- FILE: whole HTTP requests, each ended by a zero byte.

local requests, at = {}, 0

function init(args)
    for request in io.open(args[1], "rb"):read("*a"):gmatch("(%Z+)%z") do
        requests[#requests + 1] = request
    end
end

function request()
    at = at % #requests + 1
    return requests[at]
end

function done(summary, latency)
    local e = summary.errors

    io.write(string.format(
        '{"requests":%d,"seconds":%.6f,"errors":%d,"wrong":%d,"p99":%.3f}\n',
        summary.requests, summary.duration / 1e6,
        e.connect + e.read + e.write + e.timeout, e.status,
        latency:percentile(99) / 1000))
end
