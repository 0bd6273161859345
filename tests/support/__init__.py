"""What tests stand on: real servers on this machine, started once per session, shared by xdist's workers.

What costs much is made once in a session and copied for each test, which may then do with it what it likes:

- `postgres`: one server without the cost of durability; an empty database for each test or module that asks;
- `migrated`: the warehouse's tables, as the migrations leave them;
- `kept`: what many tests begin with, database and folder: `House.first_run` (the pipeline's first release of the usual
  rows), `Warehouse.made_once` (some days of the small campus), `fill` of the service's and of the portal's tests (a
  database with a release, accounts with a password that takes no time to check);
- `apart`, `dbt`: commands forked from a process that has imported everything; a project that was parsed once is not
  parsed again, and what dbt compiles at each start is compiled once;
- `quick_service`: the service with workers that are forked, where a test kills many of them;
- `duck`: sessions that do not verify 40 MB of extensions each time.

So a test that needs a released campus costs what it does with it. What these spare is tested where it is what matters:
starting from nothing, real processes, durable settings, signatures.
"""
