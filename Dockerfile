# Earshot with SQLite in one container: docker build -t earshot . && docker run -p 127.0.0.1:8000:8000 -v earshot:/data earshot
# With PostgreSQL and Valkey: docker compose up

FROM python:3.11-slim-bookworm AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/earshot \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy
WORKDIR /source
RUN pip install --no-cache-dir uv==0.13.9
# The libraries are a layer of their own: they change less often than the code.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-cache --no-dev --all-extras --no-install-project
COPY README.md LICENSE ./
COPY migrations migrations
COPY app app
RUN uv sync --frozen --no-cache --no-dev --all-extras --no-editable

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Earshot" \
      org.opencontainers.image.description="A feedback portal that speaks the ProductLift and the Astuto REST APIs" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --no-log-init --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin earshot \
    && install --directory --owner=earshot --group=earshot --mode=0700 /data
COPY --from=build /opt/earshot /opt/earshot
ENV PATH=/opt/earshot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EARSHOT_DATA_DIR=/data
# By number, so that an orchestrator can tell that it isn't root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
# Not through a proxy, whatever http_proxy says: this asks the server beside it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('EARSHOT_PORT') or 8000), timeout=4); c.request('GET', '/health/ready'); sys.exit(c.getresponse().status != 200)"]
CMD ["earshot", "serve", "--host", "0.0.0.0"]
