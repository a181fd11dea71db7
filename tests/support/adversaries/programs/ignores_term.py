"""The leader and its child ignore every polite signal."""

from support.adversaries.stage import ignore_endings, linger, say_ready, start, wait_for_the_end

ignore_endings()
start(linger)
say_ready()
wait_for_the_end()
