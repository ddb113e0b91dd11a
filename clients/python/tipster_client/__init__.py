"""Client of Tipster: push users, events and coupons, ask for recommendations."""

from .client import Pushed, Tipster
from .errors import TipsterError, Unavailable, Violation
from .records import Coupon, Event, Item, Reason, Recommendations, Rejected, Selection, User

__all__ = ["Coupon", "Event", "Item", "Pushed", "Reason", "Recommendations", "Rejected", "Selection", "Tipster", "TipsterError",
           "Unavailable", "User", "Violation"]
