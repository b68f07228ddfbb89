"""What is known about DAOS: releases, platforms, dmg and its dialects, configuration. No I/O."""
