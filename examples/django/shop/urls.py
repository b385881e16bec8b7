"""The URLs of the application. No URL has a number, a code or a token."""

from django.urls import path

from accounts import hosted, views

urlpatterns = [
    path("", views.home, name="home"),
    path("login", views.phone, name="phone"),
    path("login/code", views.code, name="code"),
    path("login/resend", views.resend, name="resend"),
    path("logout", views.leave, name="logout"),
    path("hosted", hosted.start, name="hosted"),
    path("hosted/return", hosted.receive, name="hosted-return"),
    path("hosted/done", hosted.done, name="hosted-done"),
]
