# Images from one file: `service` is a pod, `load` what sends to it, `bench` all of `make bench`, and `front` the way in from
# the host. Each has what its own lock pins: Locust and gevent stay out of the first, what computes and draws out of the second.
# Where the stack is to serve contenders, pods and bench are made with their libraries, and else without.
ARG PYTHON_IMAGE=python:3.13-slim

# Packages are installed by the pip of this stage into a venv that has none, and without their own tests.
FROM ${PYTHON_IMAGE} AS installer
RUN python -m venv --without-pip /venv
ENV INSTALL="python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check --require-hashes -r" \
    PRUNE="find /venv -type d -name tests -prune -exec rm -r {} +"

FROM installer AS service-packages
COPY requirements/service.txt /tmp/
RUN $INSTALL /tmp/service.txt && $PRUNE

FROM service-packages AS service-with-contenders-packages
COPY requirements/contenders.txt /tmp/
RUN $INSTALL /tmp/contenders.txt && $PRUNE

FROM installer AS load-packages
COPY requirements/load.txt /tmp/
RUN $INSTALL /tmp/load.txt && $PRUNE

FROM installer AS bench-packages
COPY requirements/bench.txt /tmp/
RUN $INSTALL /tmp/bench.txt && $PRUNE

FROM bench-packages AS bench-with-contenders-packages
COPY requirements/contenders.txt /tmp/
RUN $INSTALL /tmp/contenders.txt && $PRUNE

# The code with its bytecode: an image that is read-only would compile it again at every start. What does not compile is
# said by whoever imports it.
FROM ${PYTHON_IMAGE} AS service-code
COPY app /lab/app
RUN python -m compileall -q /lab >/dev/null || true

FROM service-code AS load-code
COPY loadtest /lab/loadtest
RUN python -m compileall -q /lab/loadtest >/dev/null || true

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/venv/bin:$PATH PYTHONPATH=/lab PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /lab
USER 10001:10001

FROM base AS pod
EXPOSE 8000
ENTRYPOINT ["python", "-m", "app", "--host", "0.0.0.0", "--port", "8000"]

FROM pod AS service
COPY --from=service-packages /venv /venv
COPY --from=service-code /lab/app app

FROM pod AS service-with-contenders
COPY --from=service-with-contenders-packages /venv /venv
COPY --from=service-code /lab/app app

FROM base AS load
COPY --from=load-packages /venv /venv
COPY --from=load-code /lab/app app
COPY --from=load-code /lab/loadtest loadtest
EXPOSE 8089 9646
ENTRYPOINT ["locust", "--locustfile", "/lab/loadtest/locustfile.py"]

FROM base AS lab
ENTRYPOINT ["python", "-m", "loadtest"]

FROM lab AS bench
COPY --from=bench-packages /venv /venv
COPY --from=load-code /lab/app app
COPY --from=load-code /lab/loadtest loadtest

FROM lab AS bench-with-contenders
COPY --from=bench-with-contenders-packages /venv /venv
COPY --from=load-code /lab/app app
COPY --from=load-code /lab/loadtest loadtest

FROM ${PYTHON_IMAGE} AS front
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends haproxy && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGUSR1
ENTRYPOINT ["haproxy", "-f", "/etc/front/haproxy.cfg"]
