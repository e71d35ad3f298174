"""A SAML identity provider of Debian's python3-pysaml2, at which one user is always logged in.

Usage: idp.py DIRECTORY [PORT]           prints its address; its metadata is at /metadata

The directory has idp.pem (certificate and key), sp.xml (metadata of the service provider) and options.json:
content (aes128-cbc, ...; absent for plain), sign (list of "assertion" and "response"), self_contained (each
encrypted assertion declares its own namespaces), inside (the name and attributes are encrypted, the assertion is not).
"""
import base64
import functools
import html
import http.server
import json
import os
import re
import sys
import urllib.parse

import saml2.entity
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, BINDING_PAOS, BINDING_SOAP, class_name, saml, samlp, sigver
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

FOLDER = sys.argv[1]
CONTENT = {'aes128-cbc': ('http://www.w3.org/2001/04/xmlenc#', 'aes-128'),
           'aes256-cbc': ('http://www.w3.org/2001/04/xmlenc#', 'aes-256'),
           'aes128-gcm': ('http://www.w3.org/2009/xmlenc11#', 'aes-128'),
           'aes256-gcm': ('http://www.w3.org/2009/xmlenc11#', 'aes-256'),
           'tripledes-cbc': ('http://www.w3.org/2001/04/xmlenc#', 'des-192')}
USER = {'uid': ['tim'], 'eduPersonAffiliation': ['staff', 'x']}

ENVELOPE = '''<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header>
<ecp:Response xmlns:ecp="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" S:mustUnderstand="1"
S:actor="http://schemas.xmlsoap.org/soap/actor/next" AssertionConsumerServiceURL="%s"/></S:Header><S:Body>%s</S:Body></S:Envelope>'''

# What the library encrypts by is no option of it: triple DES, which nobody should take.
encryption_part, encrypt = sigver.pre_encryption_part, sigver.SecurityContext.encrypt_assertion


def encrypt_by(content):
    space, key = CONTENT[content]
    saml2.entity.pre_encryption_part = functools.partial(encryption_part, msg_enc=space + content)
    sigver.SecurityContext.encrypt_assertion = functools.partialmethod(encrypt, key_type=key)


def encrypt_inside(idp, response, to):
    """What the library does not do itself, with what it has: the assertion is signed over what is encrypted."""
    text = re.sub(r'^<\?xml.*?\?>', '', str(response))
    for plain, hidden in (('NameID', 'EncryptedID'), ('Attribute', 'EncryptedAttribute')):
        text, found = re.subn(r'<(\w+):%s\b.*?</\1:%s>' % (plain, plain), r'<\1:%s>\g<0></\1:%s>' % (hidden, hidden), text, flags=re.DOTALL)
        for _ in range(found):
            text = idp._encrypt_assertion(None, to, text, "(//*[local-name()='%s']/*[local-name()='%s'])[1]" % (hidden, plain))
    response = samlp.response_from_string(text)
    assertion = response.assertion[0]
    assertion.signature = sigver.pre_signature_part(assertion.id, idp.sec.my_cert, 1, digest_alg=DIGEST_SHA256, sign_alg=SIG_RSA_SHA256)
    return idp.sec.sign_statement(str(response), class_name(assertion), node_id=assertion.id)


def config(base, service_provider=True, enveloped=True):
    pem, cert = os.path.join(FOLDER, 'idp.pem'), os.path.join(FOLDER, 'cert.pem')
    end = '-----END CERTIFICATE-----\n'
    with open(pem) as both, open(cert, 'w') as alone:
        alone.write(both.read().partition(end)[0] + end)
    doc = {
        'entityid': base + '/metadata', 'key_file': pem, 'cert_file': cert, 'xmlsec_binary': '/usr/bin/xmlsec1',
        'service': {'idp': {
            'endpoints': {'single_sign_on_service': [(base + '/sso?tenant=1', BINDING_HTTP_REDIRECT), (base + '/ecp', BINDING_SOAP)]},
            'want_authn_requests_signed': enveloped,
            'policy': {'default': {'lifetime': {'minutes': 15}, 'attribute_restrictions': None,
                                   'name_form': 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri'}}}}}
    if service_provider:
        doc['metadata'] = {'local': [os.path.join(FOLDER, 'sp.xml')]}
    return IdPConfig().load(doc)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, media, text):
        self.send_response(status)
        self.send_header('Content-Type', media)
        self.end_headers()
        self.wfile.write(text.encode())

    def respond(self, idp, binding, text, to):
        message = idp.parse_authn_request(text, binding).message
        with open(os.path.join(FOLDER, 'options.json')) as f:
            options = json.load(f)
        if 'content' in options:
            encrypt_by(options['content'])
        where = idp.response_args(message, [to])
        inside = options.get('inside', False)
        response = idp.create_authn_response(
            USER, message.id, where['destination'], where['sp_entity_id'], userid='tim', authn={
                'class_ref': saml.AUTHN_PASSWORD_PROTECTED, 'authn_auth': base},
            sign_assertion='assertion' in options['sign'], sign_response='response' in options['sign'],
            encrypt_assertion='content' in options and not inside, encrypt_assertion_self_contained=options.get('self_contained', False),
            sign_alg=SIG_RSA_SHA256, digest_alg=DIGEST_SHA256)
        if inside:
            response = encrypt_inside(idp, response, where['sp_entity_id'])
        return where['destination'], str(response)

    def verify(self, idp, query):
        """What the library leaves to its user: the signature in the address."""
        for entity in idp.metadata.keys():
            for cert in idp.metadata.certs(entity, 'spsso', 'signing'):
                if sigver.verify_redirect_signature(query, idp.sec.sec_backend, cert):
                    return
        raise sigver.SignatureError('of the address')

    def refuse(self, e):
        self.answer(403, 'text/plain', '%s: %s\n' % (type(e).__name__, e))

    def do_GET(self):
        at = urllib.parse.urlsplit(self.path)
        if at.path == '/metadata':
            return self.answer(200, 'application/samlmetadata+xml', str(entity_descriptor(config(base, False))))
        query = {k: v[0] for k, v in urllib.parse.parse_qs(at.query).items()}
        try:
            idp = Server(config=config(base, enveloped=False))
            self.verify(idp, query)
            to, response = self.respond(idp, BINDING_HTTP_REDIRECT, query['SAMLRequest'], BINDING_HTTP_POST)
        except Exception as e:
            return self.refuse(e)
        self.answer(200, 'text/html', '''<form method="post" action="%s">
<input type="hidden" name="SAMLResponse" value="%s"><input type="hidden" name="RelayState" value="%s"></form>
''' % (html.escape(to), base64.b64encode(response.encode()).decode(), html.escape(query['RelayState'])))

    def do_POST(self):
        text = self.rfile.read(int(self.headers['Content-Length']))
        # The library writes what is in an envelope anew, which no signature outlives.
        question = re.search(rb'<S:Body>(.*)</S:Body>', text, re.DOTALL).group(1)
        try:
            idp = Server(config=config(base))
            to, response = self.respond(idp, BINDING_HTTP_POST, base64.b64encode(question).decode(), BINDING_PAOS)
        except Exception as e:
            return self.refuse(e)
        self.answer(200, 'text/xml', ENVELOPE % (html.escape(to), re.sub(r'^<\?xml.*?\?>', '', response)))


server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
base = 'http://127.0.0.1:%d' % server.server_port
print(base, flush=True)
server.serve_forever()
