"""The relay between pods and Redis: it breaks their connections on demand, `python -m app.relay --to host:port`.

It is only in the path where something is to be broken on the wire. A command that is alone takes about twice as long
through it (0.1 ms more), and some 80 us of a core.
Its control is a port of its own for lines of JSON (`app.relay.control`), and `python -m app.relay.tell` writes one.
Every trouble ends by itself after its stated time, so that nothing stays broken when its caller has gone.
"""
