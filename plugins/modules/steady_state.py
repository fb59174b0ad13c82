"""Documentation of the action plugin of the same name; nothing here runs."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: steady_state
short_description: Bring a host to the state that a role describes, in one round trip
version_added: 0.1.0
author: Collège technique d'Aurore
description:
  - A role's steady state (packages, accounts, directories, links, files, kernel settings, units) is data. This module
    takes all of it in one task, compares it with the host, and changes what differs.
  - A task of Ansible costs a host about half a second whether it changes something or not, most of it spent on starting
    a module. Here templates are rendered on the controller, and one program on the host looks at everything at once. A
    role of thirty tasks becomes one that takes a tenth of a second.
  - What is rare or needs a decision stays an ordinary task beside it.
  - 'The order is always: packages, groups, users, directories, links, files, absent, sysctls, units; then the restarts
    and reloads that changed paths ask for. The order in which the options are written does not matter.'
  - Everything but packages is planned, and every new file validated, before the first change is made. What cannot be
    done is refused by then, all of it at once, and check mode announces just what a run does.
  - A file or a link is replaced at once, by renaming.
  - On the way to a path, links are followed only where nobody but root can have put them, such as C(/var/run). One in
    a directory that somebody else may write to is refused, for it could lead anywhere.
  - Before paths are changed, the units that must notice are noted in C(/var/lib/aurore/pending) on the host; a note is
    removed when its unit was restarted or reloaded and runs. So a run that was interrupted in between, or a restart
    that failed, is made good by the next run.
  - One call at a time works on a host; another waits for up to ten minutes.
options:
  packages:
    description:
      - Debian packages that must be installed, without their recommendations. One that is installed is not upgraded.
      - Configuration files that were changed on the host are kept.
      - Lists of packages are fetched first, unless the last call that fetched them did so in the last hour, and since
        apt's sources changed.
      - The name is that of one package, never a pattern. A virtual package is refused; name the one that provides it.
      - What an interrupted C(dpkg) left half-configured is configured. Another C(apt) is waited for.
      - When apt would have to remove a package that is not in O(packages_absent), nothing is done and it is named.
      - In check mode apt is asked whether it could do it, by the lists that are there. It is not asked where these are
        not known to be those of its sources, as on a fresh host, or when sources changed or an earlier task of the
        check announced that they would; the packages are then announced as they are written.
    type: list
    elements: str
    default: []
  packages_absent:
    description: Debian packages that must not be installed. Their configuration files stay. apt need not know them.
    type: list
    elements: str
    default: []
  groups:
    description: Groups that must exist. An item may be just the name.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      gid:
        description: Its number. Chosen by the host when not given.
        type: int
      system:
        description: Whether a new group takes a number for the system's own.
        type: bool
        default: false
  users:
    description:
      - Users that must exist. They have no password; one that has is locked.
      - An attribute that is not given is not looked at.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The name.
        type: str
        required: true
      uid:
        description: The number.
        type: int
      group:
        description: Name of the primary group.
        type: str
      groups:
        description: Names of all other groups. The user leaves those that are not listed.
        type: list
        elements: str
      home:
        description: Path of the home directory. It is not made; use O(directories).
        type: path
      shell:
        description: Path of the shell.
        type: path
      comment:
        description: The comment (GECOS field).
        type: str
      system:
        description: Whether a new user takes a number for the system's own.
        type: bool
        default: false
  directories:
    description: Directories that must exist, parents first; parents are not made by themselves.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: Name of the owner.
        type: str
        default: root
      group:
        description: Name of the group.
        type: str
        default: root
      mode:
        description: Permissions, as a string of octal digits.
        type: str
        default: "0755"
      exclusive:
        description: Whether everything in it that this task does not declare is removed, directories with all that is
          in them. Directories that are part of every system are refused.
        type: bool
        default: false
      restarts: &restarts
        description: Units to restart when this path changed, if they run or have failed, or are jobs that have run; see
          O(units[].state). One that this task starts is not restarted again. Full names, such as C(nginx.service).
        type: list
        elements: str
        default: []
      reloads: &reloads
        description: Units to reload when this path changed, if they run or have failed. A unit that cannot reload is
          restarted. A restart outweighs a reload of the same unit.
        type: list
        elements: str
        default: []
      notify: &notify
        description: Handlers to notify when this path changed. Unlike restarts they are lost when a run is interrupted.
        type: list
        elements: str
        default: []
  links:
    description: Symbolic links that must exist. A file at that path is replaced, a directory is refused.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path of the link.
        type: path
        required: true
      target:
        description: What it points to, as written into it.
        type: str
        required: true
      restarts: *restarts
      reloads: *reloads
      notify: *notify
  files:
    description: Files that must exist with just this content. A link at that path is replaced, a directory is refused.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path; its directory must exist.
        type: path
        required: true
      template:
        description:
          - Template below the role's C(templates/), rendered as M(ansible.builtin.template) does without options. It
            has the same variables, from C(template_host) to C(template_run_date); the latter makes a file that changes
            with each run.
          - Exactly one of O(files[].template), O(files[].source), O(files[].content) and O(files[].content_base64) is
            needed.
        type: str
      source:
        description: File below the role's C(files/), sent as it is.
        type: str
      content:
        description: The content itself.
        type: str
      content_base64:
        description: The content itself, in base 64, for what is not text.
        type: str
      owner:
        description: Name of the owner.
        type: str
        default: root
      group:
        description: Name of the group.
        type: str
        default: root
      mode:
        description: Permissions, as a string of octal digits.
        type: str
        default: "0644"
      validate:
        description:
          - Command that judges the new content before anything is changed; C(%s) is the path of a file that holds it,
            with its owner and mode, in the directory where it will be. No shell is involved. It has a minute.
          - In check mode it is run too, on a file in the same place, since the content may include other files by a
            relative path. Only where the program comes with a package that is not installed yet it is not.
        type: str
      restarts: *restarts
      reloads: *reloads
      notify: *notify
      no_log:
        description: Whether the content is secret. It then is in no difference, no error and no result; nor is what its
          validator says, nor the journal of the units that it concerns.
        type: bool
        default: false
  absent:
    description: Paths that must not exist, such as a file of an earlier version. An item may be just the path.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      recursive:
        description: Whether it may be a directory, which is removed with all that is in it. Directories that are part
          of every system, and what something is mounted in, are refused.
        type: bool
        default: false
      restarts: *restarts
      reloads: *reloads
      notify: *notify
  sysctls:
    description:
      - Settings of the kernel, by name as in sysctl.d(5). They are written to O(sysctl_file) and set at once.
      - A running value that differs is a change also when the file is as it must be.
    type: dict
    default: {}
  sysctl_file:
    description: Path of the file that keeps O(sysctls), below C(/etc/sysctl.d). Needed with them.
    type: path
  units:
    description:
      - systemd units. An attribute that is not given is not looked at.
      - systemd reads its files again first if one below C(/etc/systemd/system) or C(/usr/local/lib/systemd/system)
        changed, or if it says that it must.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Full name, such as C(ssh.service).
        type: str
        required: true
      enabled:
        description: Whether it starts at boot.
        type: bool
      state:
        description:
          - Whether it runs now. One that does not run after its start is an error, which shows what it last wrote.
          - A job, that is a service with C(Type=oneshot) and without C(RemainAfterExit=yes), is started if it has not
            succeeded since the host booted. systemd must remember that, and forgets a unit at once that is neither
            enabled nor wanted by another; so enable a job, or every call will run it.
        type: str
        choices: [started, stopped]
      masked:
        description: Whether nothing can start it.
        type: bool
      may_wait:
        description: Whether it may be waiting for its next try (C(Restart=) in its file) after it was started,
          restarted or reloaded, as a client does whose server is away.
        type: bool
        default: false
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode
    support: full
  platform:
    description: Target OS/families that can be operated against
    platforms: debian
    support: full
notes:
  - The connection's user must be root, and pipelining must be on, as in this repository's C(ansible.cfg).
  - Templates see the variables of the task. C(template_destpath) is the path being rendered.
  - Check mode leaves nothing behind on the host but empty files in C(/run).
seealso:
  - module: aurore.infra.nftables_ruleset
"""

EXAMPLES = r"""
- name: Bring the web server to its steady state
  aurore.infra.steady_state:
    packages: [nginx-light]
    users:
      - {name: deploy, system: true, home: /srv/www, shell: /usr/sbin/nologin}
    directories:
      - {path: /srv/www, owner: deploy}
      # Whatever else lies here is removed.
      - {path: /etc/nginx/conf.d, exclusive: true}
    files:
      - path: /etc/nginx/nginx.conf
        template: nginx.conf.j2
        validate: /usr/sbin/nginx -t -c %s
        reloads: [nginx.service]
      - path: /etc/nginx/conf.d/token.conf
        content: 'set $token "{{ website_token }}";'
        mode: "0600"
        reloads: [nginx.service]
        no_log: true
    absent: [/etc/nginx/sites-enabled/default]
    sysctls: {net.core.somaxconn: 1024}
    sysctl_file: /etc/sysctl.d/60-website.conf
    units:
      - {name: nginx.service, enabled: true, state: started}

- name: Override a unit of the distribution, and have it restarted when that changes
  aurore.infra.steady_state:
    directories:
      - {path: /etc/systemd/system/nginx.service.d}
    files:
      - path: /etc/systemd/system/nginx.service.d/limits.conf
        content: |
          [Service]
          LimitNOFILE=65536
        restarts: [nginx.service]
"""

RETURN = r"""
items:
  description: What was changed, in that order; in check mode, what would be. After a failure, what was changed before
    it; if apt failed, all packages that it brought into another state, also those that no option names.
  returned: always
  type: list
  elements: dict
  sample:
    - {kind: packages, name: nginx-light, change: installed}
    - {kind: files, name: /etc/nginx/nginx.conf, change: changed}
    - {kind: units, name: nginx.service, change: reload}
  contains:
    kind:
      description: The option that the item is of.
      type: str
    name:
      description: The item.
      type: str
    change:
      description: What was done to it; to a package by an apt that failed, its present state in dpkg's words.
      type: str
"""
