# Sockets in nine chapters. `make help` lists what there is to do.

FOLDERS := $(patsubst %/,%,$(wildcard 0[1-9]-*/))
EXERCISES := $(patsubst %/,%,$(wildcard 0[1-9]-*/[1-9][a-z]-*/))
FINISHED := $(patsubst %/,%,$(sort $(dir $(wildcard 0[1-9]-*/*.c 0[1-9]-*/[1-9][a-z]-*/*.c))))
LAB = @python3 tests/lab.py

# These take a chapter's number; those of the second line may also do without, and meet has none.
COMMAND := $(filter chapter diff compare trace watch hunt handout,$(firstword $(MAKECMDGOALS)))
COMMAND += $(filter start grade meet,$(firstword $(MAKECMDGOALS)))
COMMAND := $(strip $(COMMAND))

# Python is to find our modules beside lab.py, and to look at what it asserts.
unexport PYTHONSAFEPATH PYTHONOPTIMIZE
# Only what is given to make: the shell may happen to have variables of these names, too.
VARIABLES := ALL CHAPTERS DIR OUT UPDATE ONLY ROSTER NAMES SVG STATES SEED TRY A B JUNIT GRADESCOPE
$(foreach name,$(VARIABLES) ARGS,$(if $(filter environment%,$(origin $(name))),$(eval $(name) :=)))
override TRY := $(value TRY)# a shell's $i is none of make's
export $(VARIABLES)

# Said at once, and not after a whole class has been graded, or another hunt has begun.
TEACHING := $(filter class gradescope classroom50,$(firstword $(MAKECMDGOALS)))
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
UNKNOWN := $(filter-out $(VARIABLES) LAB_% CC CFLAGS,$(GIVEN))
ifneq ($(and $(TEACHING)$(filter hunt meet,$(COMMAND)),$(UNKNOWN)),)
$(error make $(firstword $(MAKECMDGOALS)) takes no $(UNKNOWN): what it takes, make help tells)
endif

ifeq ($(COMMAND),)

ifneq ($(and $(TEACHING),$(word 2,$(MAKECMDGOALS))),)
$(error make $(MAKECMDGOALS): which chapters, CHAPTERS says, as in: make $(TEACHING) CHAPTERS="4 5")
endif

# Several chapters at once, unless make is told how many.
ifeq ($(filter-out all,$(MAKECMDGOALS))$(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j4
endif

all: $(FINISHED)
ifeq ($(FINISHED),)
	@echo 'There is no finished program here yet: begin with make start 1'
endif

$(FOLDERS) $(EXERCISES):
	@$(MAKE) --no-print-directory -C $@

help:
	@echo 'make                 build all chapters and exercises'
	@echo 'make chapter N       run chapter N, and see what to type in a second terminal'
	@echo 'make chapter N ARGS="..."   the same with arguments for the program'
	@echo 'make diff N          show what chapter N adds to the chapters before it'
	@echo 'make trace N         show the system calls of chapter N and its client as a ladder'
	@echo 'make start N         lay out work/NN-name/ for your own chapter N'
	@echo 'make grade N         grade it; DIR=path: another folder; ALL=1: tell everything; without N: all'
	@echo 'make watch N         grade it again each time you save'
	@echo 'make compare N       show your program beside ours, file by file'
	@echo 'N may be an exercise, such as 4b, or a step, such as 7.3, but with grade and watch: these see how far you are'
	@echo 'make trace N STATES=1  with the TCP state of each end; DIR=work/NN-name SVG=file: of yours, as a picture'
	@echo 'make meet A=DIR B=DIR  have a client meet the server of somebody else: do they understand each other?'
	@echo 'make test            check the finished programs (fetches pytest if it is missing)'
	@echo 'make clean           remove what was built'
ifneq ($(wildcard tests/repo),)
	@echo
	@echo 'make check           the stricter checks: sanitizers, three compilers, fuzzing'
	@echo 'make mutants         prove the grader: known wrong programs must be caught'
	@echo 'make hunt N          find what is wrong with a program; TRY="command": show it; SEED=word: which program'
	@echo 'make bench           compare the web servers with others that are installed'
	@echo 'make handout N OUT=DIR      for a class: the repository without the programs from N on'
	@echo 'make handout N UPDATE=DIR   bring one of last week up to chapter N'
	@echo 'make class DIR=DIR   grade a folder of submissions (OUT=results CHAPTERS="4 5" ONLY=NAME ROSTER=FILE NAMES=1)'
	@echo 'make gradescope OUT=FILE.zip   an autograder for Gradescope (CHAPTERS="4 5")'
	@echo 'make classroom50 OUT=DIR       an autograder for Classroom 50 (CHAPTERS="4 5")'
endif

test:
	$(LAB) test $(ARGS)

ifneq ($(wildcard tests/repo),)

check mutants:
	$(LAB) $@ $(ARGS)

bench: $(FINISHED)
	@python3 tests/bench/bench.py $(ARGS)

class gradescope classroom50:
	$(LAB) $@

else

check mutants bench class gradescope classroom50:
	@echo 'make $@ is for those who teach with this: it is not in this copy' >&2; exit 2

endif

clean:
	@for chapter in $(FOLDERS) $(EXERCISES); do $(MAKE) --no-print-directory -s -C $$chapter clean; done

.PHONY: all $(FOLDERS) $(EXERCISES) help test check mutants bench class gradescope classroom50 clean

else

# In `make chapter 4` the 4 is the command's argument, not one more thing to make.
N := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
NUMBER := $(firstword $(subst ., ,$(firstword $(N))))
CHAPTER := $(filter 0$(patsubst 0%,%,$(NUMBER))-% $(NUMBER)-%,$(notdir $(FOLDERS) $(EXERCISES)))
FOLDER := $(filter $(CHAPTER) %/$(CHAPTER),$(FOLDERS) $(EXERCISES))
STEP := $(patsubst $(NUMBER)%,%,$(firstword $(N)))
ELSE := , or an exercise, such as 4b
ifneq ($(words $(N)) $(words $(CHAPTER)),1 1)
ifneq ($(filter start grade meet,$(COMMAND)) $(words $(N)),$(COMMAND) 0)
$(error make $(COMMAND) $(N): which chapter? 1 to 9, as in: make $(COMMAND) 4$(if $(filter-out handout,$(COMMAND)),$(ELSE)))
endif
endif
# A step, such as 7.3, is one of the chapter's patches. A handout has none; then lab.py knows what to say.
PATCHES := $(wildcard $(FOLDER)/steps/[1-9]*.patch)
ifneq ($(and $(STEP),$(PATCHES)),)
ifeq ($(filter $(FOLDER)/steps/$(STEP:.%=%)-%,$(PATCHES)),)
$(error make $(COMMAND) $(N): which step? $(NUMBER).1 to $(NUMBER).$(words $(PATCHES)), as in: make $(COMMAND) $(NUMBER).2)
endif
endif

NO_DIR = $(if $(DIR),@echo 'make $@ takes no DIR: that goes with make grade and make trace' >&2)

chapter:
	$(NO_DIR)
	$(LAB) chapter $(CHAPTER)$(STEP) $(ARGS)

diff compare trace start watch handout:
	$(if $(ARGS),@echo "make $@ takes no ARGS: they are for make chapter" >&2)
	$(if $(filter diff start handout,$@),$(NO_DIR))
	$(LAB) $@ $(CHAPTER)$(if $(filter watch,$@),,$(STEP))

# Lost points, a hunt that is not over, and two who do not understand each other are no error of make's. With -q it
# ends with status 1 and says nothing, if there is more to do after the lines that are run all the same, those with a +.
ifneq ($(filter grade hunt meet,$(COMMAND)),)
MAKEFLAGS += -q
LOST := $(shell mktemp -u)
endif

grade hunt meet: ended
	$(shell rm '$(LOST)' 2>/dev/null && echo :)

ended:
	$(if $(ARGS),+@echo "make $(COMMAND) takes no ARGS: they are for make chapter" >&2)
	+@MAKEFLAGS= LOST='$(LOST)' python3 tests/lab.py $(COMMAND) $(CHAPTER)$(if $(filter hunt,$(COMMAND)),$(STEP))

$(filter-out $(COMMAND),$(MAKECMDGOALS)):
	$(if $(LOST),,@:)

.PHONY: $(MAKECMDGOALS) ended

endif
