"""Real services for tests, the demo and benchmarks: see `cli` for the commands, `lifecycle` for what they do.

Map, each module importing only from those above it:

    failure, paths, waiting    errors, places, deadlines
    versions                   what is pinned (../versions.json)
    environment                the private Python environment that carries pymongo
    cache, registries          one-time downloads: locked, checked, atomic
    process, ports, state      our processes, their ports, what is written down about a stack
    mongod, kafka_home         finding or fetching the programs
    deployment, broker         arguments and readiness of one MongoDB deployment, of the broker
    plan, lifecycle            what a stack shall consist of; up, down, kill, start
    report, cli                what is printed; the command line
"""
