#!/usr/bin/python3
"""Stories between `darkchat` and the node of this folder, which was written from spec/ alone. usage: stories.py DARKCHAT [STORY...]

DARKCHAT is the program; all sockets are on 127.0.0.1. On a failure the conversation is printed, decoded.
"""
import sys
import tempfile
import traceback

import story_calls
import story_friends
import story_lists
import story_texts
from live import World

STORIES = story_calls.STORIES + story_texts.STORIES + story_lists.STORIES + story_friends.STORIES
MOST = 300  # lines of a conversation that failed


def main():
    command, wanted = sys.argv[1:2], sys.argv[2:]
    failed = []
    for story in STORIES:
        if wanted and story.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            world = World(command, folder)
            try:
                story(world)
                print(f"ok {world.age():4.1f} s  {story.__name__}: {story.__doc__}", flush=True)
            except Exception:
                failed.append(story.__name__)
                print("\n".join(world.trace.lines[-MOST:]))
                traceback.print_exc(file=sys.stdout)
                print(f"FAIL {story.__name__}: {story.__doc__}", flush=True)
            finally:
                world.close()
    if failed:
        raise SystemExit(f"failed: {' '.join(failed)}")


main()
