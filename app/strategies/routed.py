from typing import ClassVar

from app.strategy import CacheAway, Loader, Lookup, Mechanism, PeerAway, Status, Strategy


class Routed(Strategy):
    """Every key belongs to one pod: who finds nothing asks that pod, in which one load answers all.

    Expect:     one origin read per key and expiry without any lock, and one at a time while Redis is away too.
    Where it hurts: a hop for each pod that misses. Where pods disagree for a moment about who is there, each opinion
                loads once. No fencing: a pod that stood still may store what it had read, for the rest of its TTL.
    Reference:  rendezvous hashing (Thaler and Ravishankar, 1998); groupcache's peers, each key with its owner.
    """

    runs_by_default: ClassVar[bool] = False

    def mechanism(self) -> Mechanism:
        return Mechanism.collapse()

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        away = None
        try:
            entry = await self.lab.cache.get(key)
        except CacheAway as error:
            entry, away = None, error  # the key has an owner all the same
        if entry is not None:
            return Lookup(Status.HIT, entry)
        peers = self.lab.peers
        for pod in peers.ranked(key):
            if pod == peers.own_name:
                break
            try:
                return await peers.load_at(pod, key)
            except PeerAway:
                continue  # the next in line stands in for it
        if away is not None:
            raise away  # then the requests of this pod are collapsed, and nothing is stored
        return await self.lab.flights.collapse_in_pod(key, load, fresh_for_s=self.ttl_s)
