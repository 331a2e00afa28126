"""Keys for a library that keeps something by key in a module or a class, which all pods of a process share."""


class KeyOfPod(str):
    """A key that is the same in Redis, and another one in a dictionary of another pod.

    Pods are processes of their own natively, and share one in virtual time.
    """

    pod: str

    def __new__(cls, key: str, pod: str) -> "KeyOfPod":
        made = super().__new__(cls, key)
        made.pod = pod
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyOfPod) and self.pod == other.pod and super().__eq__(other)

    def __hash__(self) -> int:
        return hash((self.pod, super().__hash__()))
