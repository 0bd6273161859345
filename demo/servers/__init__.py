"""The reference campus's HTTP systems, as small servers of their own.

Belongs here: research administration's REST interface, the government's look-ups, starting and stopping them.
Does not belong here: what they answer from; demo/systems writes that.
In: files under the campus's folder, a port and a token from the env file.
Out: answers over HTTP, with the misbehaviour that real servers show, the same for the same run of requests.
"""
