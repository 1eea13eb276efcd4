"""What lets a process answer promptly beside long work: the interpreter's lock, its collector."""

import gc
import sys

# A thread that works in Python keeps the lock for so long from one that wants it; 5 ms by default.
# A request wants it again after each call into numpy or the model's runtime, and the event loop
# after each wait.
_LOCK_KEPT_S = 0.0005


def share_the_lock_often() -> None:
    """Let threads that work in Python pass the interpreter's lock on after half a millisecond."""
    sys.setswitchinterval(_LOCK_KEPT_S)


def pass_over_in_collections() -> None:
    """Let the garbage collector pass over all that there is now: the app, the model, its catalogue.

    Else it looks at all of it again every few hundred requests, and nothing is answered meanwhile.
    What is frozen is freed all the same once nothing refers to it, but for what refers to itself.
    """
    gc.collect()
    gc.freeze()
