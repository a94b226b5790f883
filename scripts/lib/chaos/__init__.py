"""The pipeline under fire, and code that judges it: see `cli` for the options, `story` for what happens.

Shares nothing with the pipeline but what docs/events.md tells everybody. Map, each module importing only from those above it (and
from `stack` and `demo`, which run services and processes):

    model, verdict            changes as each side saw them; what was found wrong; pure
    identity, shaping         when `_id`s are equal; the field rules, written apart from the pipeline's; pure
    sides                     check a: target = shaped source; pure
    histories, sequences      checks b and e: topics against the source's own stream; pure
    transactions              places in transactions; pure
    progress                  checks c and d: the target's way, and what was claimed about it; pure
    checking                  all checks over what happened since the last ones; pure
    reading                   change streams while everything goes on, topics and claims
    workload                  what is written, and the threads that write it
    faults.kinds, .schedule   which faults there are, and which a seed gives; pure
    network, configuration    the proxies before every server; the pipeline's settings
    world                     servers, proxies and processes: set up and cleared away
    faults.conductor          faults carried out and made good
    settling                  waiting until everything has arrived
    evidence, report          what is kept of a round that went wrong, and of all
    story, options, cli       the rounds; the command line
"""
