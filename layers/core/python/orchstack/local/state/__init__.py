"""moto in this process, holding the state of the AWS services, with what it gets wrong put right.

Each module here mends one thing; `server` installs them all and serves moto on loopback.
"""
