"""A real Keystone of its own for a test: KEYSTONE_FOLDER, empty at first, holds its database and keys.

Reads commands: `up SECONDS` starts it on 127.0.0.1:KEYSTONE_PORT, with tokens good for so long, and
prints `ready` once it answers; `down` kills it. It ends with its input. This process loads
Keystone's code, which takes longest, and each `up` is a child that has it already. Tables are made
from Keystone's models, for a hundred migrations take longer than all the rest.
"""

import os
import signal
import socketserver
import sys
import wsgiref.simple_server

from cryptography.fernet import Fernet
from keystone.cmd import bootstrap as bootstrap_command
from keystone.common import sql
from keystone.server import wsgi

FOLDER = os.environ['KEYSTONE_FOLDER']
PORT = int(os.environ['KEYSTONE_PORT'])
FILE = f'{FOLDER}/keystone.conf'

CONFIGURATION = f"""
[DEFAULT]
use_stderr = true
log_file =
public_endpoint = http://127.0.0.1:{PORT}
[database]
connection = sqlite:///{FOLDER}/keystone.db?timeout=30
sqlite_synchronous = false
[fernet_tokens]
key_repository = {FOLDER}/fernet
[credential]
key_repository = {FOLDER}/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
[token]
expiration = """


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_request(self, *_arguments):
        pass


def write_keys():
    for kind in ('fernet', 'credential'):
        os.mkdir(f'{FOLDER}/{kind}', mode=0o700)
        for name in ('0', '1'):
            with open(f'{FOLDER}/{kind}/{name}', 'wb') as key:
                key.write(Fernet.generate_key())


def bootstrap():
    """The first domain, project and admin, as `keystone-manage bootstrap` makes them."""
    with sql.session_for_read() as session:
        engine = session.get_bind()
    # Readers must not hold up a writer.
    engine.execute('PRAGMA journal_mode=WAL')
    sql.ModelBase.metadata.create_all(engine)
    # The application has loaded them, which can be done once.
    bootstrap_command.backends.load_backends = lambda: None
    bootstrapper = bootstrap_command.Bootstrapper()
    bootstrapper.admin_username = 'admin'
    bootstrapper.admin_password = 'admin-secret'
    bootstrapper.admin_role_name = 'admin'
    bootstrapper.project_name = 'admin'
    bootstrapper.region_id = 'RegionOne'
    bootstrapper.service_name = 'keystone'
    bootstrapper.public_url = f'http://127.0.0.1:{PORT}/v3'
    bootstrapper.bootstrap()


def serve(seconds):
    fresh = not os.path.exists(FILE)
    with open(FILE, 'w') as file:
        file.write(f'{CONFIGURATION}{seconds}\n')
    if fresh:
        write_keys()
    os.environ['OS_KEYSTONE_CONFIG_FILES'] = FILE
    application = wsgi.initialize_public_application()
    if fresh:
        bootstrap()
    server = wsgiref.simple_server.make_server(
        '127.0.0.1', PORT, application, server_class=Server, handler_class=Quiet
    )
    print('ready', flush=True)
    server.serve_forever()


def main():
    child = None
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == 'up':
            child = os.fork()
            if child == 0:
                serve(*arguments)
        else:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            child = None
            print('down', flush=True)
    if child is not None:
        os.kill(child, signal.SIGKILL)


main()
