#!/bin/sh
# Print the hash of an app for SMS Retriever: the first 11 characters, in Base64, of the
# SHA-256 of its package name and its certificate in hexadecimal.
#
# usage: app-hash.sh PACKAGE CERTIFICATE
# The certificate is in DER: `keytool -exportcert -alias ALIAS -keystore FILE`.
set -eu
certificate=$(od -An -v -tx1 "$2" | tr -d ' \n')
printf '%s %s' "$1" "$certificate" | openssl dgst -sha256 -binary | openssl base64 -A | cut -c1-11
