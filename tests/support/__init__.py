"""What tests stand on: real servers on this machine, started once per session, shared by xdist's workers."""
