-- wrk: posts the file args[1] as content type args[2], asks for the same, and ends with the figures as JSON.
function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = args[2]
  wrk.headers["Accept"] = args[2]
  file:close()
end

function done(summary, latency, requests)
  local e = summary.errors
  print(string.format('{"requests": %d, "microseconds": %d, "failed": %d, "p50": %d, "p99": %d}', summary.requests,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
