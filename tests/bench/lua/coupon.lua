-- POST /v1/coupons, one coupon each. Arguments: RUN (distinguishes runs, any fixed text) USERS EVENTS TIME
-- The requests are made beforehand, so that the client works as little per request as it does for a GET: READY
-- different ones per thread, then the first again (for the server one is as good as another; Kafka stores each).
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local READY = 65536
local ready, count = {}, 0

function init(args)
    math.randomseed(os.time() * 16 + thread_number)
    local start = '{"coupon_id":"' .. args[1] .. "-" .. thread_number .. "-"
    local head
    for i = 1, READY do
        local tail = coupon_tail(tonumber(args[2]), tonumber(args[3]), args[4])
        head = head or post_head("/v1/coupons", "application/json", #start + 9 + #tail) .. start
        ready[i] = head .. (100000000 + i) .. tail
    end
end

function request()
    count = count % READY + 1
    return ready[count]
end
