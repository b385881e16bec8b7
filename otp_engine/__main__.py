"""Run `otp-engine` as `python -m otp_engine`."""

from otp_engine.cli import main

if __name__ == "__main__":
    # As the installed command: without it, usage errors have `python -m otp_engine`.
    main(prog_name="otp-engine")
