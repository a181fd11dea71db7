"""The rule table: every name codexlab knows, in the group that says why.

``docs/environment.md`` is generated from these tuples. A name ends in ``*`` when
it stands for all names that begin so; nothing here is a finer pattern.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...kernel.values import frozen


@frozen
class NameGroup:
    """Names that share one verdict.

    :param title: how a receipt names the group.
    :param names: exact names, or prefixes ending in ``*``.
    :param reason: for the documentation: why these names pass, or why not.
    """

    title: str
    names: tuple[str, ...]
    reason: str


def _group(title: str, names: str, reason: str) -> NameGroup:
    return NameGroup(title, tuple(names.split()), reason)


PASS_GROUPS = (
    _group(
        "locale", "LANG LANGUAGE LC_* TZ TZDIR", "text and time are read as the caller reads them"
    ),
    _group(
        "terminal",
        "TERM COLORTERM TERM_PROGRAM TERM_PROGRAM_VERSION TERMINFO TERMINFO_DIRS COLUMNS LINES "
        "NO_COLOR FORCE_COLOR CLICOLOR CLICOLOR_FORCE LS_COLORS",
        "output fits the terminal it is shown on",
    ),
    _group("search path", "PATH", "programs are found; unsafe entries are taken out"),
    _group("user", "HOME USER LOGNAME USERNAME SHELL", "tools find the user's own settings"),
    _group(
        "git identity",
        "GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL EMAIL",
        "the agent can commit where only the environment says who the author is",
    ),
    _group(
        "XDG",
        "XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS XDG_CACHE_HOME "
        "XDG_STATE_HOME XDG_RUNTIME_DIR",
        "tools find the user's own settings where they were moved",
    ),
    _group(
        "proxy",
        "HTTP_PROXY HTTPS_PROXY ALL_PROXY FTP_PROXY NO_PROXY "
        "http_proxy https_proxy all_proxy ftp_proxy no_proxy",
        "the network is reached the way this machine reaches it; passwords in them are masked",
    ),
    _group(
        "CA bundle",
        "SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS "
        "NIX_SSL_CERT_FILE GIT_SSL_CAINFO GIT_SSL_CAPATH CARGO_HTTP_CAINFO PIP_CERT AWS_CA_BUNDLE "
        "CODEX_CA_CERTIFICATE",
        "certificates of the local network are trusted",
    ),
    _group(
        "toolchain home",
        "CARGO_HOME RUSTUP_HOME RUSTUP_TOOLCHAIN GOPATH GOROOT GOBIN GOCACHE GOMODCACHE "
        "GOTOOLCHAIN "
        "JAVA_HOME GRADLE_USER_HOME GRADLE_HOME MAVEN_HOME M2_HOME ANDROID_HOME ANDROID_SDK_ROOT "
        "NVM_DIR NVM_BIN FNM_DIR VOLTA_HOME PNPM_HOME COREPACK_HOME BUN_INSTALL DENO_DIR "
        "VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV PYENV_ROOT PIPX_HOME POETRY_HOME UV_CACHE_DIR "
        "PIP_CACHE_DIR RBENV_ROOT GEM_HOME GEM_PATH SDKMAN_DIR ASDF_DIR ASDF_DATA_DIR "
        "MISE_DATA_DIR "
        "DOTNET_ROOT HOMEBREW_PREFIX HOMEBREW_CELLAR HOMEBREW_REPOSITORY NIX_PATH NIX_PROFILES "
        "PLAYWRIGHT_BROWSERS_PATH",
        "installed compilers, package managers and their caches are found",
    ),
)

DROP_GROUPS = (
    _group(
        "loader",
        "LD_* DYLD_* GLIBC_TUNABLES GCONV_PATH LOCPATH NIX_LD NIX_LD_LIBRARY_PATH "
        "LIBPATH SHLIB_PATH",
        "would load foreign code into every program the agent starts",
    ),
    _group(
        "interpreter",
        "PYTHON* NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE ELECTRON_RUN_AS_NODE BUN_OPTIONS "
        "PERL5LIB PERLLIB PERL5OPT PERL5DB RUBYLIB RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS "
        "JDK_JAVA_OPTIONS CLASSPATH LUA_PATH* LUA_CPATH* LUA_INIT* PHPRC "
        "PHP_INI_SCAN_DIR TCLLIBPATH",
        "belongs to the caller's own interpreter and would change or break the agent's",
    ),
    _group(
        "shell start-up",
        "BASH_ENV ENV BASH_FUNC_* SHELLOPTS BASHOPTS BASH_XTRACEFD PROMPT_COMMAND PS4 "
        "ZDOTDIR FPATH "
        "IFS CDPATH GLOBIGNORE",
        "runs code in, or changes the meaning of, every shell the agent starts",
    ),
    _group(
        "git redirection",
        "GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_INDEX_VERSION GIT_COMMON_DIR "
        "GIT_OBJECT_DIRECTORY "
        "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_NAMESPACE GIT_PREFIX GIT_CEILING_DIRECTORIES "
        "GIT_DISCOVERY_ACROSS_FILESYSTEM GIT_CONFIG GIT_CONFIG_* GIT_EXEC_PATH GIT_TEMPLATE_DIR "
        "GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT GIT_PROXY_COMMAND GIT_ASKPASS SSH_ASKPASS "
        "GIT_EXTERNAL_DIFF GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_PAGER GIT_QUARANTINE_PATH "
        "GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_REPLACE_REF_BASE GIT_REFLOG_ACTION GIT_ATTR_SOURCE "
        "GIT_INTERNAL_*",
        "a caller inside a hook or a worktree would point the agent's git at the "
        "caller's repository",
    ),
    _group(
        "nested agent",
        "CLAUDECODE CLAUDECODE_* CLAUDE_AGENT_SDK_VERSION CLAUDE_BG_* CLAUDE_BRIDGE_* "
        "CLAUDE_CODE_ACCOUNT_UUID CLAUDE_CODE_ACTION CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR "
        "CLAUDE_CODE_BRIDGE_* CLAUDE_CODE_CCR_* CLAUDE_CODE_CHILD_* CLAUDE_CODE_CLOUD_SESSION_ID "
        "CLAUDE_CODE_CONTAINER_ID CLAUDE_CODE_ENTRYPOINT CLAUDE_CODE_EXECPATH CLAUDE_CODE_HOST_* "
        "CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS CLAUDE_CODE_MCP_SERVE_* CLAUDE_CODE_MESSAGING_* "
        "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR CLAUDE_CODE_ORGANIZATION_UUID "
        "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST CLAUDE_CODE_RELAUNCH_* CLAUDE_CODE_REMOTE "
        "CLAUDE_CODE_REMOTE_* CLAUDE_CODE_RUNNER_* CLAUDE_CODE_SDK_* "
        "CLAUDE_CODE_SESSIONS_OAUTH_TOKEN CLAUDE_CODE_SESSION_ACCESS_TOKEN "
        "CLAUDE_CODE_SESSION_ATTENDED CLAUDE_CODE_SESSION_BEGAN_AS_COPY "
        "CLAUDE_CODE_SESSION_CREATED_AT_MS CLAUDE_CODE_SESSION_ID CLAUDE_CODE_SESSION_KIND "
        "CLAUDE_CODE_SESSION_NAME CLAUDE_CODE_SESSION_ORIGIN CLAUDE_CODE_SPAWN* "
        "CLAUDE_CODE_SSE_PORT CLAUDE_CODE_SUPERVISED CLAUDE_CODE_TOOL_USE_ID "
        "CLAUDE_CODE_USER_EMAIL CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR "
        "CLAUDE_CODE_WORKER_EPOCH CLAUDE_ENV_FILE CLAUDE_JOB_DIR CLAUDE_PID CLAUDE_PLUGIN_DATA "
        "CLAUDE_PLUGIN_ROOT CLAUDE_PROJECT_DIR CLAUDE_PTY_* CLAUDE_RUNNER_* "
        "CLAUDE_SESSION_INGRESS_TOKEN_FILE CODEX_SANDBOX CODEX_SANDBOX_NETWORK_DISABLED "
        "CODEX_THREAD_ID CODEX_CI "
        "CODEX_INTERNAL_ORIGINATOR_OVERRIDE CODEX_MANAGED_BY_NPM CODEX_MANAGED_BY_BUN "
        "CODEX_SQLITE_HOME CURSOR_AGENT CURSOR_TRACE_ID GEMINI_CLI OPENCODE AI_AGENT",
        "says that the caller runs inside another agent; the launched agent does not",
    ),
    _group(
        "caller's descriptors",
        "MAKEFLAGS MFLAGS CARGO_MAKEFLAGS NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "
        "WATCHDOG_USEC WATCHDOG_PID JOURNAL_STREAM CODEX_LAB_TARGET_LEASE_FD "
        "CODEX_LAB_OWNED_TARGET",
        "names descriptors, sockets or leases that were given to the caller, not to the agent",
    ),
    _group("codexlab", "CODEXLAB_*", "settings and run identity of the caller's own codexlab"),
)


@frozen
class NameIndex:
    """Groups made ready for look-up: exact names first, then prefixes."""

    exact: dict[str, str]
    prefixes: tuple[tuple[str, str], ...]

    def title_of(self, name: str) -> str | None:
        """Return the title of the group that holds ``name``."""
        title = self.exact.get(name)
        if title is not None:
            return title
        return next((t for prefix, t in self.prefixes if name.startswith(prefix)), None)


def index_groups(groups: Iterable[NameGroup]) -> NameIndex:
    """Prepare groups for look-up; of two groups with one name the first wins."""
    exact: dict[str, str] = {}
    prefixes: list[tuple[str, str]] = []
    for group in groups:
        for name in group.names:
            if name.endswith("*"):
                prefixes.append((name[:-1], group.title))
            else:
                exact.setdefault(name, group.title)
    return NameIndex(exact, tuple(prefixes))


TOOLCHAIN = next(group.names for group in PASS_GROUPS if group.title == "toolchain home")
PASSED = index_groups(PASS_GROUPS)
DROPPED = index_groups(DROP_GROUPS)
