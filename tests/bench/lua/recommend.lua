-- GET /v1/recommendations of a uniformly random user. Arguments: USERS N
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local users, tail

function init(args)
    math.randomseed(os.time() * 16 + thread_number)
    users = tonumber(args[1])
    tail = string.format("?n=%s HTTP/1.1\r\nHost: %s:%s\r\n\r\n", args[2], wrk.host, wrk.port)
end

function request()
    return "GET /v1/recommendations/u" .. string.sub(10000000 + math.random(0, users - 1), 2) .. tail
end
