"""What a server costs: the CPU time and the memory of its processes."""

from pathlib import Path

import psutil


def cpu(root: int) -> float:
    """Seconds of CPU that the process `root` and all below it have used, the ended ones too."""
    total = 0.0
    for process in _tree(root):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its parent has it, as soon as it has waited for it
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory(root: int, name: str = "") -> int:
    """Bytes that the processes below `root` (named so, if `name`) share with nobody (proc(5))."""
    total = 0
    for process in _tree(root):
        try:
            if name and name not in " ".join(process.cmdline()):
                continue
            rows = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(row.split()[1]) * 1024 for row in rows if row.startswith("Private_"))
    return total


def _tree(root: int) -> list[psutil.Process]:
    process = psutil.Process(root)
    return [process, *process.children(recursive=True)]
