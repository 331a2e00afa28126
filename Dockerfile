# Images from one file: `service` is a pod, `load` is the lab that drives it, `front` the way in from the host. Locust and
# gevent stay out of the first.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS service-packages
COPY requirements/service.txt /tmp/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/service.txt

FROM ${PYTHON_IMAGE} AS load-packages
COPY requirements/load.txt /tmp/
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/load.txt

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/venv/bin:$PATH PYTHONPATH=/lab PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /lab
USER 10001:10001

FROM base AS service
COPY --from=service-packages /venv /venv
COPY app app
EXPOSE 8000
ENTRYPOINT ["python", "-m", "app", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS load
COPY --from=load-packages /venv /venv
COPY app app
COPY loadtest loadtest
EXPOSE 8089 9646
ENTRYPOINT ["locust", "--locustfile", "/lab/loadtest/locustfile.py"]

FROM ${PYTHON_IMAGE} AS front
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGUSR1
ENTRYPOINT ["haproxy", "-f", "/etc/front/haproxy.cfg"]
