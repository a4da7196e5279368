"""What any check may come upon, whatever it looks at: that the program does not build, how it ended, where it prints
what. A check's own symptoms come before these, and its last cause, which stands for all the rest, after them."""

from harness.grading import Symptom

BUILD = [
    Symptom("the build did not end", "`make` never comes to an end: a rule of the Makefile waits for something, such as "
            "input, or runs the program."),
    Symptom("a file's name with a space in it", "make takes a name with a space in it for two names: rename that file, or "
            "remove it."),
    Symptom("there is no program|cannot be copied", "`make` has to leave a program of this name in the folder: see "
            "the rule for it in the Makefile."),
    Symptom("", "Mend the first error that the compiler names: the others often follow from it."),
]

REFUSED = ("It refuses arguments that it is to take. Which there may be, and how many, the first line of the contract "
           "says.")

GENERAL = [
    Symptom("cannot be started", "`make` has left something under the program's name that the system cannot start: "
            "no program at all, one for another machine, or a script whose first line names no interpreter."),
    # How it ended
    Symptom("killed by SIG(SEGV|BUS)", "It uses memory that is not its own: through a pointer that is NULL or was never "
            "set, beyond the end of an array, or by a recursion without an end. If no line is named above, gdb names "
            "it: `run`, then `bt`."),
    Symptom("killed by SIGABRT", "It was ended by abort(): the C library found memory that had been overwritten, such "
            "as by a text too long for its array, or freed twice; or an assert() did not hold. stderr says which."),
    Symptom("killed by SIGFPE", "It divides by zero, with / or %."),
    Symptom("killed by SIGILL", "It came to where there is no code: the end of a function that has to return a value, "
            "or a function pointer that was never set."),
    Symptom("killed by SIGPIPE", "It writes to a connection, or a pipe, whose other side has gone. That raises SIGPIPE, "
            "which ends a program unless it is ignored (sigaction() with SIG_IGN); then send() returns -1, with EPIPE."),
    Symptom("killed by SIGXCPU", "It has used 30 s of CPU time: it goes round a loop that never waits."),
    Symptom("killed by SIGXFSZ", "It has written a file of more than 64 MiB: it writes without an end."),
    Symptom("killed by SIGALRM", "It calls alarm(), or setitimer(), and nothing handles the SIGALRM that comes of it."),
    Symptom("Sanitizer|runtime error:", "The sanitizer that it was built with has stopped it: the first line of its "
            "report says why, and the first line of the stack that is yours, where."),
    Symptom("end it, for it printed more", "It prints without an end: a loop goes on though recv() has returned 0 or "
            "-1, or a call fails again and again."),
    Symptom("end all of its processes", "It takes memory, or makes processes, without an end: malloc() or fork() in a "
            "loop that goes on after an error."),
    Symptom("(?ms)^usage: .*before it listened", REFUSED),
    Symptom("before it listened", "It ends before it listens. Either a call failed (its message on stderr should name "
            "it), or main() comes to its end: each call's result decides whether to go on."),
    Symptom("it listens nowhere", "It runs, but listens nowhere: listen() is not called, or bind() or listen() failed and "
            "nobody looked; or it waits for something else first, such as input."),
    Symptom("(?s)as the system says.*this line did not come on stdout", "It listens, and nothing comes on stdout. Into a "
            "pipe stdio sends what it has when its buffer is full: setvbuf(stdout, NULL, _IOLBF, BUFSIZ) at the start, or "
            "fflush(stdout) after each line, sends it at once."),
    Symptom("the check was not over within", "Something never comes, or takes far too long: the last step above tells "
            "what was waited for."),
    Symptom("lets no library be preloaded", "This check changes what system calls return, by a library that is loaded "
            "before the program (LD_PRELOAD). A program that is linked with -static, or starts itself anew with another "
            "environment, shuts it out."),
    Symptom("cannot be left without a free one", "This check sees what becomes of a program that has no descriptor left. "
            "That cannot be arranged where descriptor 0, 1 or 2 is free: close only what you have opened."),
    # What it says, and where
    Symptom(r"^exit status 1, not exit status 2", "Wrong arguments have an exit status of their own, 2. With 1 it says "
            "that a call has failed."),
    Symptom(r"^exit status 2, not exit status 1", "A call that fails is not wrong usage: its exit status is 1."),
    Symptom("^no line usage:", "A wrong argument is answered on stderr with what is right: a line that begins with "
            "`usage: `."),
    Symptom("^stderr does not repeat", "The message has to show the argument that is wrong as it was given, as with "
            "fprintf(stderr, \"%s: no port\\n\", argument)."),
    Symptom("^it prints on stdout", "stdout is for results. What is wrong goes to stderr, with fprintf(stderr, ...); and "
            "nothing is printed before it is certain."),
    Symptom(r"^stderr should be one line .*, and is:\n(?!\(nothing\))", "An error is one line on stderr in the form "
            "that the contract gives, with the name of the call and of the error, such as (ECONNREFUSED): perror() does "
            "not write the latter, and what is told twice is two lines."),
    Symptom("(?ms)it ends, exit status 2$.*^usage: ", REFUSED),
]
