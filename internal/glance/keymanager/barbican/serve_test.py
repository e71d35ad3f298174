"""The original Barbican on one port, with its tokens in this file."""
import sys
from wsgiref import simple_server

state, port = sys.argv[1], int(sys.argv[2])
conf = state + '/barbican.conf'
with open(conf, 'w') as f:
    f.write('[DEFAULT]\nsql_connection = sqlite:///%s/barbican.db\ndb_auto_create = true\nhost_href =\n'
            'log_file = %s/log\n[secretstore]\nnamespace = barbican.secretstore.plugin\n' % (state, state))
sys.argv = ['barbican', '--config-file', conf]

from barbican.api import app
from barbican.api.middleware import context
from barbican.common import config
config.CONF(['--config-file', conf], project='barbican')

inner = context.ContextMiddleware(app.create_main_app({}))
users = {'member': ('u2', 'p', 'creator,member'), 'stranger': ('u4', 'q', 'creator,member')}


def application(environ, start_response):
    who = users.get(environ.get('HTTP_X_AUTH_TOKEN'))
    if who is None:
        start_response('401 Unauthorized', [])
        return [b'']
    environ.update(SCRIPT_NAME='/v1', PATH_INFO=environ['PATH_INFO'].removeprefix('/v1'))
    environ.update(HTTP_X_IDENTITY_STATUS='Confirmed', HTTP_X_USER_ID=who[0], HTTP_X_PROJECT_ID=who[1], HTTP_X_ROLES=who[2])
    return inner(environ, start_response)


class Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


server = simple_server.make_server('127.0.0.1', port, application, handler_class=Quiet)
print('ready', server.server_port, flush=True)
server.serve_forever()
