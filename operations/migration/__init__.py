"""From DAOS 1.x to 2.0: back up, install anew, reformat, restore."""
