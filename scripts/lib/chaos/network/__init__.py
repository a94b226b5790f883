"""Every connection to source, target and broker goes through a proxy of ours, the members' own replication too: replica sets and
brokers name the proxies' ports as their addresses, so that nobody can find a way around them."""
