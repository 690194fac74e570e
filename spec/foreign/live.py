"""Real programs and nodes of this folder, on loopback sockets, in one loop.

A Program is a running `darkchat -json`: what it says are its events, what it is told are lines as a person types them. World.until waits
for what a story wants to see, and fails with why.
"""
import hashlib
import json
import os
import selectors
import socket
import subprocess
import time

import trace
from node import Node

PATIENCE = 10  # seconds, for whatever must happen


class Failed(Exception):
    pass


class Program:
    def __init__(self, world, command, user, state, port=0, *more):
        self.world, self.user, self.state, self.events, self.rest = world, user, state, [], b""
        args = ["-json", "-u", user, "-p", str(port), "-listen", "127.0.0.1", "-state", state, *more]
        self.process = subprocess.Popen(command + args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env=os.environ | {"HOME": state})
        world.register(self.process.stdout, self.readable)
        ready = self.expect(event="ready")
        self.at = "127.0.0.1", int(ready["listen"][0].rpartition(":")[2])
        self.sid = bytes.fromhex(ready["session"])
        self.fingerprint = ready["fingerprint"]

    def readable(self, now):
        b = self.process.stdout.read1(65536)
        if not b:
            self.world.forget(self.process.stdout)
        *lines, self.rest = (self.rest + b).split(b"\n")
        for line in lines:
            self.events.append(json.loads(line))
            self.world.trace.say(f"{self.user:5} says        {line.decode()[:300]}")

    def type(self, line):
        self.world.trace.say(f"{self.user:5} types       {line[:200]}")
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def find(self, **keys):
        return [e for e in self.events if all(e.get(k) == v for k, v in keys.items())]

    def expect(self, **keys):
        """Waits for an event with these keys, takes it out and returns it."""
        self.world.until(lambda: self.find(**keys), f"{self.user} should say {keys}")
        found = self.find(**keys)[0]
        self.events.remove(found)
        return found

    def quit(self):
        self.type("\\quit")
        self.world.until(lambda: self.process.poll() is not None, f"{self.user} should leave")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Router:
    """Acts as a NAT in front of a node: `outside` is where the node is reached, and whoever comes by it is seen at another port, which
    rebind() changes. One pair at a time."""

    def __init__(self, world, inside):
        self.world, self.inside, self.visitor = world, inside, None
        self.outside = self.bound(self.from_visitor)
        self.at = self.outside.getsockname()
        self.mapping = None
        self.rebind()

    def bound(self, handler):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("127.0.0.1", 0))
        s.setblocking(False)
        self.world.register(s, handler)
        return s

    def rebind(self):
        if self.mapping:
            self.world.forget(self.mapping)
            self.mapping.close()
        self.mapping = self.bound(self.from_node)

    def from_visitor(self, now):
        b, self.visitor = self.outside.recvfrom(2048)
        self.mapping.sendto(b, self.inside)

    def from_node(self, now):
        b, _ = self.mapping.recvfrom(2048)
        self.outside.sendto(b, self.visitor)


class World:
    def __init__(self, command, folder):
        self.command, self.folder, self.selector = command, folder, selectors.DefaultSelector()
        self.nodes, self.programs, self.clock = [], [], time.monotonic
        self.trace = trace.Trace(self.clock)

    def register(self, file, handler):
        self.selector.register(file, selectors.EVENT_READ, handler)

    def forget(self, file):
        self.selector.unregister(file)

    def node(self, name, **more):
        """A node whose keys follow from its name: the same in each run."""
        drawn = 0

        def random(n):
            nonlocal drawn
            drawn += 1
            return hashlib.shake_256(f"{name} {drawn}".encode()).digest(n)

        node = Node(name, random, self.trace.datagram, **more)
        self.nodes.append(node)
        self.register(node.socket, node.readable)
        return node

    def move(self, node):
        """Moves to another address. The old one no longer hears anything."""
        self.forget(node.socket)
        node.open_socket()
        self.register(node.socket, node.readable)

    def program(self, user, *more, port=0, state=None):
        state = state or os.path.join(self.folder, f"{user}{len(self.programs)}")
        os.makedirs(state, mode=0o700, exist_ok=True)
        program = Program(self, self.command, user, state, port, *more)
        self.programs.append(program)
        return program

    def router(self, inside):
        return Router(self, inside)

    def age(self):
        return self.clock() - self.trace.began

    def step(self, wait=0.02):
        for key, _ in self.selector.select(wait):
            key.data(self.clock())
        for node in self.nodes:
            node.tick(self.clock())

    def until(self, true, why, patience=PATIENCE):
        end = self.clock() + patience
        while not true():
            if self.clock() > end:
                raise Failed(why)
            self.step()

    def never(self, true, why, while_=0.4):
        """Something must not happen, which cannot be waited for: this long it must not."""
        end = self.clock() + while_
        while self.clock() < end:
            if true():
                raise Failed(why)
            self.step()

    def close(self):
        for program in self.programs:
            if program.process.poll() is None:
                program.kill()
            program.process.stdin.close()
            program.process.stdout.close()
        for node in self.nodes:
            for s in [node.socket, *node.old_sockets]:
                s.close()
