"""The gevent side: what runs in a worker process and nowhere else."""
