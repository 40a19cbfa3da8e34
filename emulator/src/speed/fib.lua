-- SPDX-License-Identifier: Apache-2.0
-- Calls: rounds of fib(20).
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
for _ = 1, tonumber(arg[1]) do assert(fib(20) == 6765) end
