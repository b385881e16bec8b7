"""Run `otp-engine` as `python -m otp_engine`."""

from otp_engine.cli import main

if __name__ == "__main__":
    main()
