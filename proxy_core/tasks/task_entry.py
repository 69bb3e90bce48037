"""Where the process of a file job begins. Only here is the work imported: the window starts without its libraries."""

from multiprocessing.connection import Connection

from proxy_core.fault_log import open_fault_log
from proxy_core.tasks.task import decode_task


def task_main(task: bytes, pipe: "Connection[bytes, bytes]", log_path: str) -> None:
    """Carry out an encoded task, and tell over the pipe how it goes."""
    if log_path:
        open_fault_log(log_path, "file job")
    from proxy_core.tasks.task_process import run_task

    run_task(decode_task(task), pipe)
