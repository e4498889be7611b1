"""Hears of every change in the database, and knows until when nothing can have gone by unheard.

Three things hold together. Messages come in the order in which things were committed: who has
heard one has heard all before it. A process uses what it remembers only during its lease, and has
one only if it has beaten in time: who is out of reach stops by itself. And whoever wants to know
whether all have heard (a barrier) knows who may have a lease, and waits until each has said so.
"""

from app.listener.ear import Ear as Ear
from app.listener.hearing import Listener as Listener
from app.listener.hearing import Subscriber as Subscriber
from app.listener.hearing import listening as listening
from app.listener.messages import CHANNEL as CHANNEL
from app.listener.messages import Change as Change
from app.listener.messages import Confirmation as Confirmation
from app.listener.processes import now as now
