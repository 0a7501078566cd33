"""What a policy would do to the whole market over some weeks, before anybody is served by it.

`scenario` says what is assumed of demand, `market` is whom it meets, `run` plays it once,
`comparison` plays it for several policies and seeds. All of that is pure: no database, no clock.
`reading` fetches the mentors and the goals, `plots` draws.
"""
