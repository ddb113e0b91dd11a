-- GET as given on the command line, the same bytes each time.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")
