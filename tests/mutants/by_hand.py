"""Running the commands that show a failure by hand, one terminal beside the other."""

import os
import re
import subprocess
import tempfile

from harness.namespaces import prefix

SECONDS = 15  # for the commands of the last terminal, unless one of them says that it may take longer
MAY_VARY = [  # what differs from run to run
    # The ports that the kernel chooses have five digits.
    (r"((?:from|to|listening on) \S+ port|received on \S+|127\.0\.0\.1:|\(UNKNOWN\) \[127\.0\.0\.1\]) ?\d{5}\b",
     r"\1 PORT"),
    (r'^(\S+ port) \d+(?= ")', r"\1 PORT"),  # the log of chapters 7 to 9
    (r"^\[\d+\] \d+$", "[JOB]"),
    (r"\bprocess \d+(?=:| of user )", "process PID"),  # of 4d
    (r"(process PID of user) 0\b", r"\1 UID"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"(Date|Last-Modified): .*", r"\1: DATE"),
]


def own_network():
    """Words to put before a command so that it has the ports of a network of its own; None if that is not
    permitted here."""
    words = prefix("--net")
    return words and [*words, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def normal(text):
    """What was printed, without what differs from run to run."""
    for pattern, stands_for in MAY_VARY:
        text = re.sub(pattern, stands_for, text, flags=re.MULTILINE)
    return text


def show(commands, folder):
    """Run the commands of each terminal in the folder of a program that is built; return what each
    printed, as a list of texts. All of it has ended when this returns."""
    script = []
    limit = max(SECONDS, *[5 + int(text) for text in re.findall(r"(?:--max-time|timeout) (\d+)", commands[-1])], 0)
    with tempfile.TemporaryDirectory() as place:
        for number, command in enumerate(commands):
            path = os.path.join(place, "terminal-%d" % number)
            with open(path, "w") as file:
                file.write(command + "\n")
            script.append(path)
        # The first terminals go on in the background; the last one is waited for.
        program = r"""
            cd "$0"; for terminal; do
                shift
                : > "$terminal.out"
                if [ $# -gt 0 ]; then
                    bash "$terminal" > "$terminal.out" 2>&1 < /dev/null &
                    for i in $(seq 100); do
                        grep -qi listening "$terminal.out" && break
                        kill -0 $! 2> /dev/null || break
                        sleep 0.02
                    done
                else
                    timeout %d bash "$terminal" > "$terminal.out" 2>&1 < /dev/null
                    echo "exit status $?" >> "$terminal.out"
                    sleep 0.2 # for the last words of the others
                fi
            done""" % limit
        command = [*own_network(), "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                   "bash", "-c", program, folder, *script]
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=limit + 30)
        outputs = []
        for path in script:
            with open(path + ".out", errors="backslashreplace") as file:
                outputs.append(normal(file.read(1000000).replace(os.path.dirname(os.path.realpath(folder)), "/...")))
        return outputs
