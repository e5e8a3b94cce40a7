"""OpenStack's own clients, asked over pipes: a JSON question a line on stdin, a JSON answer each.

The first line is the login's options. A question has a client (`by`: `openstack`, `sdk`, `neutron`)
and what it is to do: `words` of the command line, or a `call` with its `given` keywords or list. An
answer has the `value` that was printed or returned, or `refused`: the client's own message. Each
client is loaded once, for that takes a second or two, and there is one login in a process, for the
command line's clients are the process's.
"""

import io
import json
import logging
import sys

from keystoneauth1 import session
from keystoneauth1.identity import v3
from neutronclient.v2_0.client import Client as NeutronClient
from openstack.connection import Connection
from openstack.resource import Resource
from openstackclient.shell import OpenStackShell


class Complaints(logging.Handler):
    """What the command line would say on stderr."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


COMPLAINTS = Complaints()


class CommandLine:
    """One `openstack` that goes from command to command, as it does when it is used interactively."""

    def __init__(self, login):
        self.login = [f'--os-{key.replace("_", "-")}={value}' for key, value in login.items()]
        self.shell = None

    def run(self, words):
        if self.shell is None:
            self.shell = OpenStackShell()
            self.log_in()
        self.shell.stdout = io.StringIO()
        COMPLAINTS.lines.clear()
        sys.stderr = io.StringIO()
        try:
            status = self.shell.run_subcommand(words)
        except SystemExit:
            raise ValueError(sys.stderr.getvalue()) from None
        finally:
            sys.stderr = sys.__stderr__
        if status:
            raise ValueError('\n'.join(COMPLAINTS.lines) or f'it ended with {status}')
        text = self.shell.stdout.getvalue()
        return json.loads(text) if 'json' in words else text or None

    def log_in(self):
        self.shell.stdout = io.StringIO()
        if self.shell.run([*self.login, 'token', 'issue']):
            raise ValueError('no login')
        logging.getLogger('').handlers = [COMPLAINTS]


def call(target, name, given):
    for part in name.split('.'):
        target = getattr(target, part)
    return target(*given) if isinstance(given, list) else target(**given)


def plain(value):
    if isinstance(value, Resource):
        return value.to_dict()
    if hasattr(value, '__next__'):
        return [plain(each) for each in value]
    if value == ():
        # neutronclient's for nothing.
        return None
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


class Caller:
    def __init__(self, login):
        self.session = session.Session(auth=v3.Password(**login))
        self.login = login
        self.clients = {}

    def client(self, name):
        if name not in self.clients:
            self.clients[name] = {
                'openstack': lambda: CommandLine(self.login),
                'sdk': lambda: Connection(session=self.session),
                'neutron': lambda: NeutronClient(session=self.session),
            }[name]()
        return self.clients[name]

    def answer(self, question):
        client = self.client(question['by'])
        if 'words' in question:
            return client.run(question['words'])
        return plain(call(client, question['call'], question['given']))


def main():
    out, sys.stdout = sys.stdout, sys.stderr
    caller = Caller(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {'value': caller.answer(question)}
        except Exception as error:
            answer = {'refused': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer, default=str), file=out, flush=True)


main()
