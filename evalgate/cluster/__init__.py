"""Many machines: a pool of Ray actors that answer, Ray Train that trains, Ray jobs that run it all. The one door to ray.

The process that gives the work never becomes a Ray driver itself: a driver whose cluster vanishes is ended by Ray from
within, with an exit code that would be read as a verdict, and one whose cluster is not there waits without a word. A
process of its own rides along (`driver`), tells how it goes at least every few seconds, and is ended when it falls silent.
"""

from evalgate.cluster.messages import Limits, Pool, Where, Workers
from evalgate.cluster.pool import pooled
from evalgate.cluster.training import TrainName, trained

__all__ = ["Limits", "Pool", "TrainName", "Where", "Workers", "pooled", "trained"]
