"""The lab: a DAOS cluster out of containers, on which an update is rehearsed and tested."""
