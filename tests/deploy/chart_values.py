"""Values that the tests render the chart with."""

from __future__ import annotations

from typing import Any

INGRESS = [
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
]
PROMETHEUS = [
    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "metrics"}}}
]
MINIMAL: dict[str, Any] = {"secrets": {"existingSecret": "otp-secrets"}}
FULL: dict[str, Any] = {
    "image": {"repository": "registry.example/otp", "digest": "sha256:" + "0a" * 32},
    "imagePullSecrets": [{"name": "registry"}],
    "settings": {
        "OTP_SENDER": "twilio",
        "OTP_SENDS_TOTAL": "1000000/1h",
        "OTP_TRUSTED_PROXIES": "1",
        "OTP_PRICES": "/etc/otp-engine/prices.csv",
    },
    "secrets": {
        "settings": ["REDIS_URL", "OTP_PEPPER", "OTP_API_KEYS", "OTP_METRICS_KEY"],
        "externalSecret": {
            "enabled": True,
            "storeRef": {"name": "vault", "kind": "ClusterSecretStore"},
            "key": "production/otp",
        },
    },
    "files": {"prices.csv": "country,channel,price\nIN,sms,0.0832\n"},
    "drainSeconds": 30,
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "annotations": {"cert-manager.io/cluster-issuer": "letsencrypt"},
        "hosts": [{"host": "otp.example.com"}],
        "tls": [{"secretName": "otp-tls", "hosts": ["otp.example.com"]}],
    },
    "httpRoute": {
        "enabled": True,
        "parentRefs": [{"name": "public", "namespace": "gateways"}],
        "hostnames": ["otp.example.com"],
    },
    "autoscaling": {"enabled": True, "targetHashWait": "200m"},
    "networkPolicy": {
        "from": INGRESS,
        "metricsFrom": PROMETHEUS,
        "redis": {"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}]},
        "extraEgress": [{"ports": [{"port": 587, "protocol": "TCP"}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Login"}},
    "podAnnotations": {"reloader.stakater.com/auto": "true"},
    "podLabels": {"team": "login"},
    "priorityClassName": "production",
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "login", "operator": "Exists"}],
    "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/etc/ca/ca.pem"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
}
BARE: dict[str, Any] = {
    **MINIMAL,
    "fullnameOverride": "codes-" + "x" * 60,
    "replicas": 1,
    "drainSeconds": 0,
    "host": "::",
    "networkPolicy": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "serviceAccount": {"create": False},
    "topologySpread": [],
}
SETS = {"minimal": MINIMAL, "full": FULL, "bare": BARE}
