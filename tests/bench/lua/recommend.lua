-- GET /v1/recommendations of a uniformly random user. Arguments: USERS N [BEFORE DIGITS]: the path up to the user's number
-- (/v1/recommendations/u), and how many digits that has (7).
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local users, before, offset, tail

function init(args)
    math.randomseed(os.time() * 16 + thread_number)
    users = tonumber(args[1])
    before = "GET " .. (args[3] or "/v1/recommendations/u")
    offset = 10 ^ tonumber(args[4] or 7)
    tail = string.format("?n=%s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", args[2], wrk.host, wrk.port)
end

function request()
    return before .. string.sub(string.format("%d", offset + math.random(0, users - 1)), 2) .. tail
end
