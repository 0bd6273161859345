"""An example service system: the scholarship application of a student affairs office, as a vendor would build it.

Belongs here: its pages, how it asks the service (with `yici.client`), and what it does when the service is silent: a
blank form that can be handed in like any other.
Does not belong here: anything of the warehouse or the service; they meet over HTTP. What is handed in is not kept.
In: the service's address, the hall's key. Out: pages in Chinese that need no JavaScript.
"""
