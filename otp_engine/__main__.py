"""`python -m otp_engine` is `otp-engine`."""

from otp_engine.cli import main

if __name__ == "__main__":
    main()
