#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tort_tls.sh PROGRAM: gives PROGRAM two servers over loopback, one of TLS 1.2 and one of 1.3, with a chain made for it.
set -eu

dir=$(mktemp -d)
servers=
# shellcheck disable=SC2086
trap 'kill $servers 2>/dev/null || true; rm -rf "$dir"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/ca.key" -out "$dir/ca.pem" \
    -subj "/CN=Test Root" -days 30 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/mx.key" -out "$dir/mx.csr" \
    -subj "/CN=mx.example.org" 2>/dev/null
printf 'subjectAltName=DNS:mx.example.org\nextendedKeyUsage=serverAuth\n' >"$dir/ext"
openssl x509 -req -in "$dir/mx.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -set_serial 2 -days 20 \
    -extfile "$dir/ext" -out "$dir/mx.pem" 2>/dev/null

ports=
for version in tls1_2 tls1_3; do
    : >"$dir/$version"
    # Port 0 of s_server is a free one, which it tells.
    openssl s_server -accept 127.0.0.1:0 -cert "$dir/mx.pem" -key "$dir/mx.key" -$version -www >"$dir/$version" 2>&1 </dev/null &
    servers="$servers $!"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        port=$(sed -n 's/^ACCEPT 127\.0\.0\.1:\([0-9]*\)$/\1/p' "$dir/$version" | head -n 1)
        [ -n "$port" ] && break
        sleep 0.3
    done
    ports="$ports $port"
done
# shellcheck disable=SC2086
"$1" "$dir/ca.pem" mx.example.org $ports
