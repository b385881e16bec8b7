"""The two forms. Django adds labels, and ties the errors to their fields."""

from django import forms


class PhoneForm(forms.Form):
    """The number as the person writes it: the service parses it."""

    phone = forms.CharField(
        label="Phone number",
        label_suffix="",
        max_length=64,
        help_text="We send a code to it. Include the country code, such as +91.",
        error_messages={"required": "Enter your phone number."},
        widget=forms.TextInput({"type": "tel", "autocomplete": "tel"}),
    )


class CodeForm(forms.Form):
    """The code, with spaces or without: the service parses it too."""

    code = forms.CharField(
        label="Code",
        label_suffix="",
        max_length=64,
        error_messages={"required": "Enter the code from the message."},
        widget=forms.TextInput(
            {
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autofocus": True,
            }
        ),
    )
