"""The tuner beside the pods: it reads request rates by prefix of the keys, and sets a TTL for each prefix in Redis.

It is a process of its own, off the path of every request: `python -m app.tuner --metrics http://host:8428`. Pods
follow what it sets without a restart (`app.strategy.Cache.setting`). While it reads no rates it sets nothing, and what
it has set ends by itself after a few rounds. Then pods are as if there had been no tuner.
"""
