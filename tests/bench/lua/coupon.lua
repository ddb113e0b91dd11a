-- POST /v1/coupons, one coupon each, every id once. Arguments: RUN (distinguishes runs, any fixed text) USERS EVENTS TIME
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local TAILS = 8192
local head, tails, count = nil, {}, 0

function init(args)
    math.randomseed(os.time() * 16 + thread_number)
    for i = 1, TAILS do
        tails[i] = coupon_tail(tonumber(args[2]), tonumber(args[3]), args[4])
    end
    local start = '{"coupon_id":"' .. args[1] .. "-" .. thread_number .. "-"
    head = post_head("/v1/coupons", "application/json", #start + 9 + #tails[1]) .. start
end

function request()
    count = count + 1
    return head .. (100000000 + count) .. tails[count % TAILS + 1]
end
