# Three stages: the base, the dependencies, and the image, which has no compiler.
#
# The digest is that of an index with linux/amd64 and linux/arm64. Dependabot renews it.
# By hand: `docker buildx imagetools inspect python:3.13-slim-trixie`.

FROM python:3.13-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS base

FROM base AS build
COPY requirements-image.txt ./
# Wheels only: without one for the platform, the build fails and compiles nothing.
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: \
      --require-hashes -r requirements-image.txt
COPY otp_engine /app/otp_engine
RUN /opt/venv/bin/python -m compileall -q /app

FROM base
ARG VERSION=dev
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="OTP Engine" \
      org.opencontainers.image.description="One-time codes on your own machines" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"
# Kubernetes can verify that a numeric user is not root. The image needs no pip.
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin otp \
 && printf '#!/bin/sh\nexec python -m otp_engine "$@"\n' >/usr/local/bin/otp-engine \
 && chmod +x /usr/local/bin/otp-engine \
 && rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/bin/pip*
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
COPY LICENSE /app/
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s CMD \
  ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/readyz', timeout=2)"]
ENTRYPOINT ["otp-engine"]
CMD ["serve", "--host", "0.0.0.0"]
