"""Stand-in for SLURM on one machine, with its commands: it runs the jobs of an array, one after the other.

Its calls are recorded in ``asked.txt`` beside the commands.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

NAMES = ("sbatch", "srun", "scontrol", "sacct", "squeue")
ARRAY = "7"


def install(folder: Path) -> Path:
    """Install the commands into a folder for the front of ``PATH``."""
    folder.mkdir()
    for name in NAMES:
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {name} "{folder}" "$@"\n')
        command.chmod(0o755)
    return folder


def sbatch(folder: Path, script: str) -> None:
    """Start the array in the background, so that the caller continues."""
    asked = Path(script).read_text()
    (last,) = re.findall(r"^#SBATCH --array=0-(\d+)%", asked, re.MULTILINE)
    (tasks,) = re.findall(r"^#SBATCH --ntasks-per-node=(\d+)", asked, re.MULTILINE)
    command = [sys.executable, __file__, "array", str(folder), script, last, tasks]
    with (folder / "said.txt").open("a") as said:
        jobs = subprocess.Popen(command, stdout=said, stderr=said)
    (folder / "process").write_text(str(jobs.pid))
    print(f"Submitted batch job {ARRAY}")


def array(folder: Path, script: str, last: str, tasks: str) -> None:
    """Run every job, again after each requeue."""
    for job in range(int(last) + 1):
        starts = 0
        while starts == 0 or (folder / f"requeue_{ARRAY}_{job}").exists():
            (folder / f"requeue_{ARRAY}_{job}").unlink(missing_ok=True)
            own = {"SLURM_JOB_ID": f"{os.getpid() + job}", "SLURM_ARRAY_JOB_ID": ARRAY, "SLURM_ARRAY_TASK_ID": f"{job}"}
            size = {"SLURM_NTASKS": tasks, "SLURM_NTASKS_PER_NODE": tasks, "SLURM_JOB_NUM_NODES": "1"}
            more = {"SLURM_JOB_NAME": "gequnet", "SLURM_RESTART_COUNT": f"{starts}"}
            first = {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
            subprocess.run(["bash", script], env=os.environ | own | size | more | first, check=False)
            starts += 1


def srun(folder: Path, *arguments: str) -> None:
    """Run the command once for each task, with the output in the files of SLURM's options."""
    unbuffered, _, out, _, err, *command = arguments
    assert unbuffered == "--unbuffered"
    tasks = []
    for task in range(int(os.environ["SLURM_NTASKS"])):
        letters = {"%A": ARRAY, "%a": os.environ["SLURM_ARRAY_TASK_ID"], "%t": f"{task}"}
        files = [os.open(named(path, letters), os.O_WRONLY | os.O_CREAT | os.O_APPEND) for path in (out, err)]
        own = {"SLURM_PROCID": f"{task}", "SLURM_LOCALID": f"{task}"}
        tasks.append(subprocess.Popen(command, env=os.environ | own, stdout=files[0], stderr=files[1]))
    sys.exit(max(task.wait() for task in tasks))


def named(path: str, letters: dict[str, str]) -> str:
    """Path with SLURM's placeholders replaced."""
    for letter, value in letters.items():
        path = path.replace(letter, value)
    return path


def scontrol(folder: Path, word: str, job: str) -> None:
    assert word == "requeue"
    (folder / f"requeue_{job}").touch()


def sacct(folder: Path, *_: str) -> None:
    print("JobID|State|NodeList")


def squeue(folder: Path, *_: str) -> None:
    """Print the array while it runs."""
    process = folder / "process"
    if process.exists() and Path(f"/proc/{process.read_text()}").exists():
        print(ARRAY)


if __name__ == "__main__":
    name, folder, *arguments = sys.argv[1:]
    with (Path(folder) / "asked.txt").open("a") as asked:
        asked.write(" ".join([name, *arguments]) + "\n")
    globals()[name](Path(folder), *arguments)
