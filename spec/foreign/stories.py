#!/usr/bin/python3
"""Stories between `darkchat` and the node of this folder, which was written from spec/ alone.

usage: stories.py DARKCHAT [STORY...]     all of them, or those; DARKCHAT is the program
       stories.py -l                      their names

All sockets are on 127.0.0.1. On a failure the conversation is printed, decoded.
"""
import signal
import sys
import tempfile
import time
import traceback

import story_calls
import story_friends
import story_lists
import story_seed
import story_texts
from live import World

STORIES = story_calls.STORIES + story_texts.STORIES + story_lists.STORIES + story_friends.STORIES + story_seed.STORIES
SHOWN = 120  # lines of a conversation that failed


def told(story, command):
    """Whether it went as it should."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(command, folder)
        try:
            story(world)
        except Exception:
            print("\n".join(world.trace.lines[-SHOWN:]))
            traceback.print_exc(file=sys.stdout)
            print(f"FAIL {story.__name__}: {story.__doc__}", flush=True)
            return False
        finally:
            world.close()
        print(f"ok {world.age():4.1f} s  {story.__name__}: {story.__doc__}", flush=True)
        return True


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    command, wanted = sys.argv[1], sys.argv[2:]
    if command == "-l":
        print("\n".join(story.__name__ for story in STORIES))
        return
    if unknown := set(wanted) - {story.__name__ for story in STORIES}:
        raise SystemExit(f"no story {' '.join(unknown)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that the programs end, too
    began = time.monotonic()
    done = [(story, told(story, [command])) for story in STORIES if not wanted or story.__name__ in wanted]
    failed = [story.__name__ for story, well in done if not well]
    print(f"live: {len(done) - len(failed)} of {len(done)} stories with a real program, in {time.monotonic() - began:.0f} s")
    if failed:
        raise SystemExit(f"failed: {' '.join(failed)}")


main()
