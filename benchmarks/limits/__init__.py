"""Whether the limit keeps what it promises, and uses what it may.

Asked: how much of the allowed rate is used, and how many requests are refused, by a server that
counts arrivals by its own clock and refuses what exceeds the rate in any one second; also where
the way there takes a random time, where four processes share the rate through Redis (with clocks
apart, and with one of them killed), how long interactive calls wait while bulk takes all it can
get, and how an adaptive limit follows a server that changes its own.

How: the server, and every sender, is a process of its own; senders use a limiter as the client
does, over plain sockets, so that little else takes time. A run lasts 20 s with 200 callers, the
adaptive one a minute; the median of five runs.

A sender that the machine leaves standing for longer than the margin exceeds the rate, so a machine
that is busy with other things shows in the figures. As root on Linux
`chrt -r 1 python -m benchmarks.limits` keeps those other things apart.
"""
