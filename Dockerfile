# One image for every role; docker-compose.yml says which one a container plays.
FROM python:3.11-slim
WORKDIR /opt/breakwater
COPY requirements.lock ./
RUN pip install --no-cache-dir -r requirements.lock
COPY pyproject.toml README.md ./
COPY streams streams
COPY simulator simulator
COPY detectors detectors
COPY scenarios scenarios
RUN pip install --no-cache-dir --no-deps .
ENTRYPOINT ["breakwater"]
