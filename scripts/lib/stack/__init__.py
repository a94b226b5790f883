"""Real services for tests, the demo and benchmarks: see `cli` for the commands, `lifecycle` for what they do.

Map, each module importing only from those above it (the first two groups from the standard library alone):

    failure, paths, waiting, wire       errors, places, deadlines, two questions to a port
    versions, cache, prerequisites      what is pinned (../versions.json); made once and kept; Debian packages
    environment                         the private Python environment, which carries pymongo
    registries                          downloads by pip and Maven
    process, ports, state, service      our processes, their ports, what is written down, starting and stopping
    mongod, kafka_home, connect_home    finding or fetching what runs
    corpus                              the same of the BSON corpus
    deployment, broker, connect         arguments and readiness: one MongoDB deployment, the broker, Kafka Connect
    request, plan, lifecycle            what is asked for; what that takes; up, down, kill, start
    report, arguments, commands, cli    what is printed; the command line, its meaning, its entry
"""
