# The two commands of the README. Each sets up what it needs, below build/.
.PHONY: demo test check clean
demo: ; @scripts/demo
test: ; @scripts/test
check: ; @scripts/check build/venv-3.11
clean: ; rm -rf build
