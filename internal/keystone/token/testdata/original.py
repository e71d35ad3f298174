"""Tokens as Keystone's own formatter makes them, one of each layout and shape, as JSON.

Usage: original.py KEYDIR            prints keys and tokens
       original.py KEYDIR read       reads tokens, one a line, and prints what Keystone finds in them
       original.py KEYDIR receipts [read]       the same of receipts
       original.py KEYDIR jws [read]            the same of JWS tokens
"""
import datetime
import json
import sys

import keystone.conf
from keystone.receipt import receipt_formatters as rf
from keystone.token import token_formatters as tf
from keystone.token.providers.jws.core import JWSFormatter

CONF = keystone.conf.CONF
keystone.conf.configure()
CONF([], project='keystone', default_config_files=[])
CONF.set_override('key_repository', sys.argv[1], 'fernet_tokens')
CONF.set_override('key_repository', sys.argv[1], 'fernet_receipts')
CONF.set_override('jws_private_key_repository', sys.argv[1] + '/private', 'jwt_tokens')
CONF.set_override('jws_public_key_repository', sys.argv[1] + '/public', 'jwt_tokens')

FIELDS = ('user_id', 'methods', 'audit_ids', 'system', 'domain_id', 'project_id', 'trust_id', 'group_ids',
          'identity_provider_id', 'protocol_id', 'access_token_id', 'app_cred_id', 'thumbprint')
MTLS = hasattr(tf, 'Oauth2CredentialsScopedPayload')  # since 2023.1


def read(formatter, token):
    found = list(formatter.validate_token(token))
    if not MTLS:
        found.insert(12, None)
    doc = dict(zip(FIELDS + ('issued_at', 'expires_at'), found))
    doc['group_ids'] = [g['id'] for g in doc['group_ids'] or []]
    doc['token'] = token
    return {k: v for k, v in doc.items() if v}


def make(formatter, cls, **kw):
    args = {'user_id': USER, 'expires_at': EXPIRES, 'audit_ids': AUDIT[:1], 'methods': ['password'], 'payload_class': cls}
    args.update(kw)
    if 'federated_group_ids' in args:
        args['federated_group_ids'] = [{'id': g} for g in args['federated_group_ids']]
    return formatter.create_token(**args)


USER = 'f798945381344b149db1e5ee872b0540'
LONG = 'c0ffee' * 10 + 'beef'  # a user of LDAP or of an identity provider
PROJECT = 'ed2b2413948c439eb37ea7e6dec8e4a7'
OTHER = '0123456789abcdef0123456789abcdef'
AUDIT = ['_Qznl5rtQzyj9Ex1-LHzxw', 'x9OqpWkMTUOcfQ2YHnh3Wg']
EXPIRES = '2036-11-22T22:09:29.000000Z'


def samples(formatter):
    federated = {'user_id': LONG, 'methods': ['mapped', 'token'], 'identity_provider_id': 'my-idp', 'protocol_id': 'saml2'}
    for kw in ({}, {'user_id': LONG}, {'methods': ['password', 'token'], 'audit_ids': AUDIT}, {'methods': []}):
        yield make(formatter, tf.UnscopedPayload, **kw)
    for domain in ('default', OTHER):
        yield make(formatter, tf.DomainScopedPayload, domain_id=domain)
    for project in (PROJECT, 'not-hexadecimal'):
        yield make(formatter, tf.ProjectScopedPayload, project_id=project)
    yield make(formatter, tf.SystemScopedPayload, system='all')
    yield make(formatter, tf.TrustScopedPayload, project_id=PROJECT, trust_id=OTHER)
    for groups in ([], [OTHER], [OTHER, 'named', LONG]):
        yield make(formatter, tf.FederatedUnscopedPayload, federated_group_ids=groups, **federated)
    yield make(formatter, tf.FederatedProjectScopedPayload, project_id=PROJECT, federated_group_ids=[OTHER], **federated)
    yield make(formatter, tf.FederatedDomainScopedPayload, domain_id='default', federated_group_ids=[OTHER],
               **dict(federated, identity_provider_id=PROJECT))
    yield make(formatter, tf.OauthScopedPayload, methods=['oauth1'], project_id=PROJECT, access_token_id=OTHER)
    yield make(formatter, tf.ApplicationCredentialScopedPayload, methods=['application_credential'], project_id=PROJECT,
               app_cred_id=OTHER)
    if MTLS:
        for scope in ({'project_id': PROJECT}, {'domain_id': 'default'}, {}):
            yield make(formatter, tf.Oauth2CredentialsScopedPayload, thumbprint='dGh1bWI', **scope)


def read_receipt(formatter, receipt):
    user_id, methods, issued_at, expires_at = formatter.validate_receipt(receipt)
    return {'token': receipt, 'user_id': user_id, 'methods': methods, 'issued_at': issued_at, 'expires_at': expires_at}


def receipts(formatter):
    for user, methods in ((USER, ['password']), (LONG, ['password', 'token']), ('admin', [])):
        yield formatter.create_receipt(user, methods, EXPIRES)


class JWS(JWSFormatter):
    """Called as the formatter of Fernet tokens is."""

    def create_token(self, user_id, expires_at, audit_ids, payload_class, methods=None, **kw):
        return super().create_token(user_id, expires_at, audit_ids, methods, **kw)[0]


if 'receipts' in sys.argv:
    formatter, read, made = rf.ReceiptFormatter(), read_receipt, receipts
else:
    formatter, made = JWS() if 'jws' in sys.argv else tf.TokenFormatter(), samples
texts = (line.strip() for line in sys.stdin) if sys.argv[-1] == 'read' else made(formatter)
print(json.dumps([read(formatter, text) for text in texts], indent=1))
