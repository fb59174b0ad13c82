"""What the unit tests play is real here: apt and dpkg, accounts, systemd, a daemon, two runs at once, kill -9."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from ..conftest import SSH_CONFIG, connect, eventually, run, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.host import Host

AS_JSON = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
NAME = "containers"
PENDING = "/var/lib/aurore/pending"
# One that takes its time to stop, and one that notes each of its starts.
SLOW = "[Service]\nExecStart=/usr/bin/sleep infinity\nExecStop=/usr/bin/sleep 60\nTimeoutStopSec=20\n"
COUNT = "[Service]\nExecStart=/bin/sh -c 'echo start >>/run/test-starts; exec sleep infinity'\n"
DIES = "[Service]\nExecStart=/bin/sh -c 'echo the reason is this; exit 3'\n"
# One that notes each of its starts and ends, and one that waits for its next try.
JOB = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo start >>/run/test-starts'\n"
JOB += "[Install]\nWantedBy=multi-user.target\n"
WAITS = "[Service]\nType={}\nExecStart=/bin/sh -c 'echo start >>/run/test-starts; exit 1'\n"
WAITS += "Restart=always\nRestartSec=1h\n"


def command(*options: str, **wanted: Any) -> list[str]:
    """The command line of one call."""
    about = ["ansible", NAME, "--inventory", "inventory/lab.yml", "--module-name", "aurore.infra.steady_state"]
    return [*about, "--args", json.dumps(wanted), *options]


@dataclass
class Answer:
    """What Ansible showed of a call."""

    shown: str
    result: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        _, is_there, result = self.shown.partition(" => ")
        assert is_there, self.shown
        self.result = json.loads(result)

    @property
    def changes(self) -> list[str]:
        return [f"{item['kind']} {item['name']}: {item['change']}" for item in self.result["items"]]


def apply(*options: str, **wanted: Any) -> Answer:
    """One call, whether it succeeds or not."""
    return Answer(run(*command(*options, **wanted), check=False, env=AS_JSON).stdout)


def foretold_and_done(**wanted: Any) -> list[str]:
    """What a check announces, and then a run does; after which nothing is left to do."""
    foretold = apply("--check", "--diff", **wanted)
    done = apply("--diff", **wanted)
    assert foretold.changes == done.changes
    assert foretold.result.get("diff") == done.result.get("diff")
    assert apply(**wanted).changes == []
    return done.changes


@pytest.fixture(scope="module")
def host() -> Host:
    """The host that the scenario has set up."""
    return connect(NAME)


@pytest.fixture
def scratch(host: Host) -> Iterator[str]:
    """A directory of the host's that is gone afterwards, as are the test's units."""
    host.check_output("mkdir /srv/scratch")
    yield "/srv/scratch"
    host.check_output(
        "systemctl kill --signal=KILL 'test-*.service' 2>/dev/null; systemctl stop 'test-*.service';"
        "rm -rf /srv/scratch /run/test-starts /etc/systemd/system/test-*.service /etc/systemd/system/*.wants/test-*;"
        "systemctl daemon-reload; systemctl reset-failed 'test-*.service'; true"
    )
    assert host.file(PENDING).listdir() == []


def unit(name: str, text: str) -> dict[str, Any]:
    """A unit's file."""
    return {"path": f"/etc/systemd/system/{name}.service", "content": text}


def says(host: Host) -> str:
    """What the daemon of the scenario says."""
    return host.check_output("curl --silent --fail http://127.0.0.1:8080/").strip()


# --- What the scenario's playbook brought


def test_everything_is_there(host: Host) -> None:
    assert says(host) == f"hello from {NAME}"
    assert host.service("nginx").is_enabled
    hello = host.user("hello")
    assert (hello.group, hello.groups, hello.home) == ("www-data", ["www-data", "hello-readers"], "/srv/hello")
    assert (hello.shell, hello.gecos, hello.password) == ("/usr/sbin/nologin", "Héllo", "!")
    assert host.group("hello-readers").gid == 4200
    directory = host.file("/srv/hello")
    assert (directory.user, directory.group, directory.mode) == ("hello", "hello-readers", 0o2750)
    secret = host.file("/etc/hello.d/word")
    assert (secret.user, secret.mode, secret.content_string) == ("hello", 0o400, "xyzzy-4711\n")
    assert host.file("/srv/hello/current").linked_to == "/etc/hello.d"
    assert host.sysctl("net.ipv4.conf.lo.log_martians") == 1
    assert host.file("/etc/sysctl.d/60-hello.conf").content_string == "net.ipv4.conf.lo.log_martians = 1\n"


# --- A daemon and its configuration


def test_a_changed_file_reaches_the_daemon_without_a_restart(host: Host) -> None:
    before = host.check_output("systemctl show --property=MainPID --value nginx.service")
    path = "/etc/nginx/conf.d/hello.conf"
    text = host.file(path).content_string
    try:
        changed = text.replace("hello", "good day")
        changes = foretold_and_done(files=[{"path": path, "content": changed, "reloads": ["nginx.service"]}])
        assert changes == [f"files {path}: changed", "units nginx.service: reload"]
        assert eventually(lambda: says(host) == f"good day from {NAME}")
        assert host.check_output("systemctl show --property=MainPID --value nginx.service") == before
    finally:
        apply(files=[{"path": path, "content": text, "reloads": ["nginx.service"]}])


@pytest.mark.parametrize("mode", [(), ("--check",)])
def test_a_file_that_the_daemon_refuses_replaces_nothing(host: Host, mode: tuple[str, ...]) -> None:
    before = host.file("/etc/nginx/nginx.conf").content_string
    bad = {"path": "/etc/nginx/nginx.conf", "content": "events {} nonsense;", "validate": "/usr/sbin/nginx -t -c %s"}
    answer = apply(*mode, files=[bad | {"reloads": ["nginx.service"]}, {"path": "/srv/other", "content": "x"}])
    assert "refuses the new content, so nothing was replaced" in answer.result["msg"]
    assert 'unknown directive "nonsense"' in answer.result["msg"]
    assert answer.changes == []
    assert host.file("/etc/nginx/nginx.conf").content_string == before
    assert not host.file("/srv/other").exists
    assert "aurore" not in host.check_output("ls --almost-all /etc/nginx /srv")
    assert says(host).startswith("hello")


def test_a_daemon_that_dies_is_told_with_what_it_said(host: Host, scratch: str) -> None:
    wanted = {"files": [unit("test-dies", DIES)], "units": [{"name": "test-dies.service", "state": "started"}]}
    answer = apply(**wanted)
    assert answer.result["msg"].startswith("units: test-dies.service: ")
    assert eventually(lambda: "the reason is this" in apply(**wanted).result["msg"])


def test_a_job_runs_once_and_again_when_it_must_notice(host: Host, scratch: str) -> None:
    """systemd calls it inactive as soon as it succeeded."""
    conf = {"path": f"{scratch}/conf", "content": "one", "restarts": ["test-job.service"]}
    units = [{"name": "test-job.service", "enabled": True, "state": "started"}]
    changes = foretold_and_done(files=[unit("test-job", JOB), conf], units=units)
    verbs = ("systemd: daemon-reload", "test-job.service: enable", "test-job.service: start")
    assert changes[-3:] == [f"units {verb}" for verb in verbs]
    assert host.file("/run/test-starts").content_string == "start\n"
    changes = foretold_and_done(files=[unit("test-job", JOB), conf | {"content": "two"}], units=units)
    assert changes == [f"files {scratch}/conf: changed", "units test-job.service: restart"]
    assert host.file("/run/test-starts").content_string == "start\n" * 2


def test_a_job_is_enabled_whose_file_said_nothing_of_that(host: Host, scratch: str) -> None:
    """As one that a timer alone has started before."""
    apply(files=[unit("test-job", JOB.partition("[Install]")[0])])
    units = [{"name": "test-job.service", "enabled": True, "state": "started"}]
    changes = foretold_and_done(files=[unit("test-job", JOB)], units=units)
    verbs = ("systemd: daemon-reload", "test-job.service: enable", "test-job.service: start")
    assert changes[-3:] == [f"units {verb}" for verb in verbs]


def test_a_job_that_fails_is_told_each_time(host: Host, scratch: str) -> None:
    wanted = {
        "files": [unit("test-job", JOB.replace("echo start", "exit 3; echo start"))],
        "units": [{"name": "test-job.service", "enabled": True, "state": "started"}],
    }
    for _ in range(2):
        assert "`systemctl --quiet start -- test-job.service` ended with 1" in apply(**wanted).result["msg"]


@pytest.mark.parametrize("kind", ["simple", "notify"])
def test_a_unit_may_wait_for_its_next_try(host: Host, scratch: str, kind: str) -> None:
    """One whose start counts as done before it ends, and one whose start fails when it does."""
    conf = {"path": f"{scratch}/conf", "content": "one", "restarts": ["test-waits.service"]}
    files, units = [unit("test-waits", WAITS.format(kind)), conf], [{"name": "test-waits.service", "state": "started"}]
    assert apply(files=files, units=units).result["msg"].startswith("units: test-waits.service: ")
    # What that run still owes is made good, and is enough.
    patient = [units[0] | {"may_wait": True}]
    assert foretold_and_done(files=files, units=patient) == ["units test-waits.service: restart"]
    files[1] = conf | {"content": "two"}
    assert foretold_and_done(files=files, units=patient)[-1] == "units test-waits.service: restart"
    assert host.file("/run/test-starts").content_string == "start\n" * 3
    state = host.check_output("systemctl show --property=SubState --value test-waits.service")
    assert state == "auto-restart"


def test_a_secret_is_shown_nowhere(host: Host, scratch: str) -> None:
    """Not with --diff and -vvv, not in the journal, not in the host's process list."""
    item = {"path": f"{scratch}/word", "content": "plugh-0815", "mode": "0600", "no_log": True}
    watch = f"until [ -e {scratch}/word ]; do ps -eo args; done >{scratch}/seen"
    watcher = start("ssh", "-F", str(SSH_CONFIG), NAME, watch)
    assert eventually(lambda: host.file(f"{scratch}/seen").exists)
    shown = run(*command("--diff", "-vvv", files=[item]), env=AS_JSON).stdout
    assert watcher.wait(timeout=30) == 0
    assert host.file(item["path"]).content_string == "plugh-0815"
    assert "content is hidden" in shown
    seen = host.file(f"{scratch}/seen").content_string
    assert "python3 -I -" in seen
    for text in (shown, seen, host.check_output("journalctl --boot --no-pager")):
        assert "plugh-0815" not in text


# --- Interruptions


def test_a_run_that_is_killed_before_its_restart_is_made_good(host: Host, scratch: str) -> None:
    files = [unit("test-slow", SLOW), unit("test-count", COUNT)]
    both = [{"name": f"test-{name}.service", "state": "started"} for name in ("slow", "count")]
    apply(files=files, units=both)
    assert host.file("/run/test-starts").content_string == "start\n"

    conf = {"path": f"{scratch}/conf", "content": "new", "restarts": ["test-count.service"]}
    slow = [{"name": "test-slow.service", "state": "stopped"}]
    killed = start(*command(files=[conf], units=slow), stdout=subprocess.DEVNULL)
    assert eventually(lambda: host.run("pgrep --full 'systemctl --quiet stop'").succeeded)
    host.check_output("pkill --signal KILL --full 'python3 -I -'")
    killed.wait(timeout=60)
    assert host.file(conf["path"]).content_string == "new"
    assert host.file("/run/test-starts").content_string == "start\n"
    assert host.file(PENDING).listdir() == ["test-count.service"]
    host.check_output("systemctl kill --signal=KILL test-slow.service")

    answer = apply(files=[conf])
    assert answer.changes == ["units test-count.service: restart"]
    assert host.file("/run/test-starts").content_string == "start\n" * 2
    assert apply(files=[conf]).changes == []


def test_two_runs_at_once_do_no_harm(host: Host, scratch: str) -> None:
    files = [{"path": f"{scratch}/{number}", "content": "x" * 1000} for number in range(40)]
    wanted = {
        "files": [*files, unit("test-count", COUNT)],
        "units": [{"name": "test-count.service", "state": "started"}],
    }
    runs = [start(*command(**wanted), env=AS_JSON, stdout=subprocess.PIPE) for _ in range(3)]
    answers = [Answer(one.communicate(timeout=120)[0]) for one in runs]
    assert sorted(len(answer.changes) for answer in answers) == [0, 0, 43]
    assert host.file("/run/test-starts").content_string == "start\n"


# --- Packages


def test_another_apt_is_waited_for(host: Host) -> None:
    host.check_output("apt-get --quiet --quiet purge --yes jq")
    hold = "import fcntl, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
    hold += "open('/run/test-held', 'w').close(); time.sleep(4)"
    holder = start("ssh", "-F", str(SSH_CONFIG), NAME, f'python3 -c "{hold}"')
    assert eventually(lambda: host.file("/run/test-held").exists)
    assert apply(packages=["jq"]).changes == ["packages jq: installed"]
    assert holder.wait(timeout=30) == 0
    host.check_output("rm /run/test-held")


def test_what_an_interrupted_dpkg_left_is_completed(host: Host) -> None:
    host.check_output(
        "apt-get --quiet --quiet purge --yes jq && cd /tmp && apt-get --quiet --quiet download jq"
        " && dpkg --unpack jq_*.deb && rm jq_*.deb"
    )
    assert host.check_output("dpkg-query --show --showformat='${db:Status-Status}' jq") == "unpacked"
    # Its library is missing too.
    host.check_output("dpkg --purge --force-depends libjq1")
    assert "packages jq: configured" in foretold_and_done(packages=["jq", "libjq1"])
    assert host.check_output("echo {} | jq --compact-output .") == "{}"


def test_triggers_that_an_interrupted_dpkg_left_are_run(host: Host) -> None:
    host.check_output("dpkg-trigger --by-package=dpkg --no-await ldconfig")
    assert host.check_output("dpkg-query --show --showformat='${db:Status-Status}' libc-bin") == "triggers-pending"
    assert foretold_and_done(packages=["libc-bin"]) == ["packages libc-bin: configured"]


def test_apt_may_not_remove_what_nobody_named(host: Host) -> None:
    """Another MTA conflicts with the one that is there."""
    apply(packages=["nullmailer"])
    for mode in ((), ("--check",)):
        answer = apply(*mode, packages=["msmtp-mta"])
        assert "apt would remove nullmailer too" in answer.result["msg"]
        assert answer.changes == []
    assert host.package("nullmailer").is_installed
    assert apply(packages=["msmtp-mta"], packages_absent=["nullmailer"]).result["changed"] is True
    assert apply(packages_absent=["msmtp-mta", "msmtp", "nullmailer"]).result["changed"] is True


@pytest.mark.parametrize("mode", [(), ("--check",)])
def test_a_package_that_there_is_not_is_named(host: Host, mode: tuple[str, ...]) -> None:
    apply(packages=["no-such-thing"])  # fetches apt's lists, by which a check judges
    answer = apply(*mode, packages=["no-such-thing"])
    assert answer.result["msg"].startswith("packages: no-such-thing: ")
    assert "Unable to locate package" in answer.result["msg"]
    assert answer.changes == []


def test_a_name_of_a_package_is_no_pattern(host: Host) -> None:
    """To apt-get, this one means whatever contains it."""
    answer = apply("--check", packages=["libpython3.1"])
    assert "Unable to locate package libpython3.1" in answer.result["msg"]


@pytest.fixture
def sources(host: Host) -> Iterator[str]:
    """A file of apt's sources that is gone afterwards."""
    yield "/etc/apt/sources.list.d/test.list"
    host.check_output("rm -f /etc/apt/sources.list.d/test.list")


def test_a_check_does_not_judge_packages_by_lists_of_other_sources(host: Host, sources: str) -> None:
    apply(packages=["no-such-thing"])
    apply("--check", files=[{"path": sources, "content": "# other ones\n"}])
    assert apply("--check", packages=["no-such-thing"]).changes == ["packages no-such-thing: installed"]
    apply(files=[{"path": sources, "content": "# other ones\n"}])
    assert apply("--check", packages=["no-such-thing"]).changes == ["packages no-such-thing: installed"]
    apply(packages=["no-such-thing"])
    assert "Unable to locate package" in apply("--check", packages=["no-such-thing"]).result["msg"]


def test_lists_that_were_not_fetched_whole_are_fetched_again(host: Host, sources: str) -> None:
    host.check_output("apt-get --quiet --quiet purge --yes jq")
    # Nobody listens there; the other sources' lists are fetched.
    apply(files=[{"path": sources, "content": "deb http://127.0.0.1:9/debian trixie main\n"}])
    for _ in range(2):
        answer = apply(packages=["jq"])
        assert "127.0.0.1:9" in answer.result["msg"]
        assert answer.changes == []
    host.check_output(f"rm {sources}")
    assert apply(packages=["jq"]).changes == ["packages jq: installed"]


def test_what_apt_did_before_it_failed_is_told(host: Host) -> None:
    host.check_output("apt-get --quiet --quiet purge --yes jq")
    host.check_output("""echo 'DPkg::Post-Invoke {"false";};' >/etc/apt/apt.conf.d/99test""")
    try:
        answer = apply("--diff", packages=["jq"])
    finally:
        host.check_output("rm /etc/apt/apt.conf.d/99test")
    assert answer.result["msg"].startswith("packages: jq: `apt-get ")
    assert answer.result["changed"] is True
    assert "packages jq: installed" in answer.changes
    assert apply(packages=["jq"]).changes == []


# --- Accounts, paths and the kernel


def test_accounts_are_mended(host: Host) -> None:
    host.check_output("usermod --shell /bin/bash --groups '' hello && echo hello:secret | chpasswd")
    try:
        user = {"name": "hello", "shell": "/usr/sbin/nologin", "groups": ["hello-readers"]}
        assert foretold_and_done(users=[user]) == ["users hello: changed"]
        assert host.user("hello").password.startswith("!")
        assert host.user("hello").groups == ["www-data", "hello-readers"]
    finally:
        host.check_output("usermod --password '!' hello")


def test_an_exclusive_directory_holds_nothing_else(host: Host) -> None:
    host.check_output("mkdir --parents /etc/hello.d/a/b && touch /etc/hello.d/a/b/c /etc/hello.d/old")
    wanted = {
        "directories": [{"path": "/etc/hello.d", "exclusive": True, "reloads": ["nginx.service"]}],
        "files": [{"path": "/etc/hello.d/word", "content": "xyzzy-4711\n", "owner": "hello", "mode": "0400"}],
    }
    assert foretold_and_done(**wanted) == [
        "absent /etc/hello.d/a: removed",
        "absent /etc/hello.d/old: removed",
        "units nginx.service: reload",
    ]
    assert host.file("/etc/hello.d").listdir() == ["word"]


def test_what_is_mounted_is_not_emptied(host: Host, scratch: str) -> None:
    host.check_output(f"mkdir -p {scratch}/a/b && mount -t tmpfs none {scratch}/a/b && touch {scratch}/a/b/data")
    try:
        answer = apply(absent=[{"path": f"{scratch}/a", "recursive": True}])
        assert f"{scratch}/a/b is mounted there" in answer.result["msg"]
        assert host.file(f"{scratch}/a/b/data").exists
    finally:
        host.check_output(f"umount {scratch}/a/b")


def test_a_service_cannot_lead_root_astray(host: Host, scratch: str) -> None:
    """A link in a directory of its own leads to the system's."""
    host.check_output(f"install --directory --owner=hello {scratch}/home && ln --symbolic /etc {scratch}/home/trap")
    host.check_output(f"chown --no-dereference hello {scratch}/home/trap")
    before = host.check_output("ls --almost-all /etc; sha256sum /etc/passwd")
    trap = f"{scratch}/home/trap"
    wanted: list[dict[str, Any]] = [
        {"files": [{"path": f"{trap}/passwd", "content": "", "validate": "/bin/cat %s"}]},
        {"files": [{"path": f"{trap}/test", "content": ""}]},
        {"links": [{"path": f"{trap}/test", "target": "x"}]},
        {"directories": [{"path": f"{trap}/test", "owner": "hello"}]},
        {"directories": [{"path": f"{trap}/default", "exclusive": True}]},
        {"absent": [f"{trap}/passwd"]},
    ]
    for one in wanted:
        answer = apply(**one)
        assert f"{trap} is a link that others than root can have put there" in answer.result["msg"], one
    assert host.check_output("ls --almost-all /etc; sha256sum /etc/passwd") == before


def test_where_a_service_cannot_write_links_are_followed(host: Host, scratch: str) -> None:
    host.check_output(f"install --directory --owner=hello {scratch}/home && ln --symbolic home {scratch}/link")
    files = [{"path": f"{scratch}/link/conf", "content": "x", "validate": "/bin/cat %s"}]
    assert foretold_and_done(files=files) == [f"files {scratch}/link/conf: created"]
    assert host.file(f"{scratch}/home/conf").content_string == "x"


def test_a_host_that_cannot_be_written_to_can_be_checked(host: Host, scratch: str) -> None:
    host.check_output(f"mkdir {scratch}/ro && mount -t tmpfs -o ro none {scratch}/ro")
    try:
        item = {"path": f"{scratch}/ro/conf", "content": "x"}
        assert apply("--check", files=[item]).changes == [f"files {scratch}/ro/conf: created"]
        answer = apply("--check", files=[item | {"validate": "/bin/cat %s"}])
        assert "/bin/cat cannot judge the new content" in answer.result["msg"]
        assert "Read-only file system" in answer.result["msg"]
    finally:
        host.check_output(f"umount {scratch}/ro")


def test_a_setting_that_somebody_changed_is_set_again(host: Host) -> None:
    host.check_output("echo 0 >/proc/sys/net/ipv4/conf/lo/log_martians")
    name = "net.ipv4.conf.lo.log_martians"
    changes = foretold_and_done(sysctls={name: 1}, sysctl_file="/etc/sysctl.d/60-hello.conf")
    assert changes == [f"sysctls {name}: set"]
    assert host.sysctl(name) == 1
