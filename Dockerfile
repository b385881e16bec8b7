# Two stages: the first installs the dependencies, the second copies them.

FROM python:3.13-slim AS build
COPY requirements.txt ./
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --no-create-home --shell /usr/sbin/nologin otp \
 && printf '#!/bin/sh\nexec python -m otp_engine "$@"\n' >/usr/local/bin/otp-engine \
 && chmod +x /usr/local/bin/otp-engine
COPY --from=build /opt/venv /opt/venv
COPY otp_engine /app/otp_engine
RUN /opt/venv/bin/python -m compileall -q /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER otp
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s CMD \
  ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/readyz', timeout=2)"]
ENTRYPOINT ["otp-engine"]
CMD ["serve", "--host", "0.0.0.0"]
