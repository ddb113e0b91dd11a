-- POST /v1/coupons, one coupon each. Arguments: RUN (distinguishes runs, any fixed text) USERS EVENTS TIME [READY]
-- The requests are made beforehand, so that the client works as little per request as it does for a GET: READY
-- different ones per thread, then the first again (for serve one is as good as another; Kafka stores each).
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local READY_USUAL = 65536
local ready, count = {}, 0

function init(args)
    math.randomseed(os.time() * 16 + thread_number)
    local start = '{"coupon_id":"' .. args[1] .. "-" .. thread_number .. "-"
    local head
    for i = 1, tonumber(args[5] or READY_USUAL) do
        local tail = coupon_tail(tonumber(args[2]), tonumber(args[3]), args[4])
        head = head or post_head("/v1/coupons", "application/json", #start + 9 + #tail) .. start
        ready[i] = head .. (100000000 + i) .. tail
    end
end

function request()
    count = count % #ready + 1
    return ready[count]
end
