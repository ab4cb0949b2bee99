-- Asks for the path that is given after `--`; `{}` in it is a number that no earlier request carried.

local path, sent = "/", 0

function init(args)
   path = args[1]
end

function request()
   sent = sent + 1
   return wrk.format("GET", (path:gsub("{}", tostring(sent))))
end
