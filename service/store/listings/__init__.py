"""The record as lists: one vocabulary of filters, facets and pages for the command line, the API and pages.

Each list is declared in `declarations`; what can be asked of all of them is here. A word that a list does not know,
and a value that is wrong, raise `BadFilter` everywhere.
"""

from service.store.listings.asking import Asked
from service.store.listings.counting import count, facets
from service.store.listings.declarations import LISTINGS, listing_named
from service.store.listings.listing import Listing
from service.store.listings.pages import Page, numbered, page
from service.store.listings.streams import stream

__all__ = ["LISTINGS", "Asked", "Listing", "Page", "count", "facets", "listing_named", "numbered", "page", "stream"]
