-- POST /v1/coupons as NDJSON, LINES coupons each, every id once. Arguments: RUN USERS EVENTS TIME LINES
-- A body is made beforehand in pieces that end where the number of the request goes, so joining them is all there is to do.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local BODIES = 16
local head, bodies, count = nil, {}, 0

function init(args)
    math.randomseed(os.time() * 16 + thread_number)
    local lines, bytes = tonumber(args[5]), 0
    for i = 1, BODIES do
        local pieces, before = {}, ""
        for line = 1, lines do
            local start = string.format('{"coupon_id":"%s-%d-%04d-', args[1], thread_number, line)
            pieces[line] = before .. start
            before = coupon_tail(tonumber(args[2]), tonumber(args[3]), args[4]) .. "\n"
        end
        pieces[lines + 1] = before
        bodies[i] = pieces
    end
    bytes = #table.concat(bodies[1], "123456789")
    head = post_head("/v1/coupons", "application/x-ndjson", bytes)
end

function request()
    count = count + 1
    return head .. table.concat(bodies[count % BODIES + 1], tostring(100000000 + count))
end
