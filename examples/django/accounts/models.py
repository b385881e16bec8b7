"""A person is known by a verified phone number, and has no password."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class User(AbstractBaseUser):
    """An account of one phone number, in E.164."""

    phone = models.CharField(max_length=16, unique=True)
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "phone"
    objects = BaseUserManager()
