"""The main job from end to end, seen with one's own eyes: see `cli` for the options, `story` for what happens.

Map, each module importing only from those above it (and from `stack`, which runs the services):

    users                     who is generated and how they change; pure
    allowlist                 the field rule applied to raw BSON, written apart from the pipeline's; pure
    comparison                both sides beside each other; pure
    records, audit            what kcat prints, read and checked: keys, canonical form, sequence; pure
    prometheus                one question to a metrics page
    screen, expectation       what is shown; what must become true, and how it is told when it does not
    binaries, configuration   building and configuring Oplogue
    pipeline                  the producer and two workers as processes
    topic, sides              looking into Kafka; looking at source and target
    world                     all of these together, set up and cleared away
    story                     the steps
    farewell, cli             what is left running and how to look at it; the command line
"""
