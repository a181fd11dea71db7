"""Compress, settle or append to a store, once it has said that it begins."""

import sys

from codexlab.rollout.compression.compress import compress
from codexlab.rollout.operations.handle import StoreHandle
from codexlab.rollout.reconcile.append import append
from codexlab.rollout.reconcile.retired import SettleOptions, settle

what, home, plain = sys.argv[1:]
places = StoreHandle(home)
rollout = places.rollout(plain)
print("begin", flush=True)
if what == "compress":
    list(compress(places, [rollout]))
    list(settle(places, SettleOptions(grace=0, rest=0)))
elif what == "settle":
    list(settle(places, SettleOptions(grace=0, rest=0)))
elif what == "append":
    append(places, rollout, [b'{"by":"the next writer"}'])
