"""Settings, all from the environment; the README lists them."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).parent.parent

DEBUG = os.environ.get("DEBUG") == "1"
SECRET_KEY = os.environ["SECRET_KEY"]
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000")
ALLOWED_HOSTS = [PUBLIC_URL.split("://")[1].split(":")[0]]

# The service. Browsers need its public URL only for the hosted page.
ENGINE_URL = os.environ.get("ENGINE_URL", "http://127.0.0.1:3000")
ENGINE_PUBLIC_URL = os.environ.get("ENGINE_PUBLIC_URL", ENGINE_URL)
# The service states its OTP_PUBLIC_URL in proofs; in dev mode it has none.
ENGINE_ISSUER = os.environ.get("ENGINE_PUBLIC_URL")
ENGINE_API_KEY = os.environ.get("ENGINE_API_KEY") or None
ENGINE_KEY_NAME = os.environ.get("ENGINE_KEY_NAME", "anonymous")
# The network address of the person. With a proxy in front, a header that the proxy
# overwrites, such as HTTP_X_REAL_IP; never one that the person can set.
CLIENT_IP_META = os.environ.get("CLIENT_IP_META", "REMOTE_ADDR")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "accounts",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE", BASE_DIR / "db.sqlite3"),
    }
}
# With several processes, use a cache that they share: each proof is accepted once.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "phone"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
