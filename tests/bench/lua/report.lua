-- What every script of the benchmark shares: a number per thread, and one line of JSON at the end that wrk.py reads.

local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

-- PAUSE_MS in the environment: how long a connection rests after each answer, on average.
local pause_ms = tonumber(os.getenv("PAUSE_MS") or "0")
if pause_ms > 0 then
    function delay()
        return math.random() * 2 * pause_ms
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        'WRK {"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%.0f,"p90_us":%.0f,"p99_us":%.0f,"p999_us":%.0f,' ..
        '"max_us":%.0f,"connect_errors":%d,"read_errors":%d,"write_errors":%d,"timeouts":%d,"not_2xx":%d}\n',
        summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(90),
        latency:percentile(99), latency:percentile(99.9), latency.max, errors.connect, errors.read, errors.write,
        errors.timeout, errors.status))
end

-- The start of a request with a body of body_bytes.
function post_head(path, media_type, body_bytes)
    return string.format(
        "POST %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
        path, wrk.host, wrk.port, media_type, body_bytes)
end

-- A coupon of three selections but for its id: everything after {"coupon_id":" and the id. All have one length.
function coupon_tail(users, events, time)
    local event = math.random(0, events - 1)
    return string.format(
        '","user_id":"u%07d","stake":%d.5,"timestamp":"%s","selections":[{"event_id":"e%06d","odds":2.15},' ..
        '{"event_id":"e%06d","odds":1.85},{"event_id":"e%06d","odds":3.4}]}',
        math.random(0, users - 1), math.random(10, 99), time, event, (event + 7) % events, (event + 13) % events)
end
