"""How gateways are told to ask: configurations to begin with."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from app.docs.markdown.blocks import fenced

_NGINX: Final = """\
location /orders/ {{
    auth_request /_may_read;
    auth_request_set $user_id $upstream_http_x_user_id;
    auth_request_set $user_name $upstream_http_x_user_name;
    auth_request_set $token_id $upstream_http_x_token_id;
    auth_request_set $token_name $upstream_http_x_token_name;
    auth_request_set $permissions $upstream_http_x_permissions;
    proxy_set_header X-User-Id $user_id;
    proxy_set_header X-User-Name $user_name;
    proxy_set_header X-Token-Id $token_id;
    proxy_set_header X-Token-Name $token_name;
    proxy_set_header X-Permissions $permissions;
    proxy_pass http://127.0.0.1:9000;
}}

location = /_may_read {{
    internal;
    proxy_pass {url}/auth?permission=read;
    proxy_pass_request_body off;
    proxy_set_header Content-Length "";
    proxy_set_header X-Gateway-Token "the secret of --gateway-token";
}}"""

_CADDY: Final = """\
orders.example.com {{
    forward_auth {host} {{
        uri /auth?permission=read
        header_up X-Gateway-Token "the secret of --gateway-token"
        copy_headers X-User-Id X-User-Name X-Token-Id X-Token-Name X-Permissions
    }}
    reverse_proxy 127.0.0.1:9000
}}"""
_TRAEFIK: Final = """\
http:
  routers:
    orders:
      rule: "Host(`orders.example.com`)"
      service: orders
      middlewares: [to-gateway, may-read, from-gateway]
  services:
    orders:
      loadBalancer:
        servers: [{{url: "http://127.0.0.1:9000"}}]
  middlewares:
    to-gateway: # what asks also passes on: the last one takes it away again
      headers: {{customRequestHeaders: {{X-Gateway-Token: "the secret of --gateway-token"}}}}
    may-read:
      forwardAuth:
        address: "{url}/auth?permission=read"
        authResponseHeaders: [X-User-Id, X-User-Name, X-Token-Id, X-Token-Name, X-Permissions]
    from-gateway:
      headers: {{customRequestHeaders: {{X-Gateway-Token: ""}}}}"""
_ENVOY: Final = """\
# Envoy lets nothing pass but for 200, and puts the caller's path behind the prefix.
- name: envoy.filters.http.ext_authz
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
    allowed_headers: {{patterns: [{{exact: x-api-key, ignore_case: true}}]}}
    http_service:
      server_uri: {{uri: "{url}", cluster: api-tokens, timeout: 1s}}
      path_prefix: "/auth?status=200&permission=read&for="
      authorization_request:
        headers_to_add: [{{key: x-gateway-token, value: "the secret of --gateway-token"}}]
      authorization_response:
        allowed_upstream_headers:
          patterns:
            - {{prefix: x-user-, ignore_case: true}}
            - {{prefix: x-token-, ignore_case: true}}
            - {{exact: x-permissions, ignore_case: true}}"""
_EACH: Final = (
    ("nginx", "nginx", _NGINX),
    ("Caddy", "caddyfile", _CADDY),
    ("Traefik", "yaml", _TRAEFIK),
    ("Envoy", "yaml", _ENVOY),
)


def gateway_blocks(url: str) -> Iterator[str]:
    """The blocks of each gateway."""
    for name, language, text in _EACH:
        yield f"For {name}:"
        yield fenced(language, text.format(url=url, host=urlsplit(url).netloc))
