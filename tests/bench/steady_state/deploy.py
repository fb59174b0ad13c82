"""The state by pyinfra's own operations, as its documentation writes them."""

from __future__ import annotations

from pyinfra import host
from pyinfra.operations import apt, files, server, systemd

desired = host.data.desired

apt.packages(name="Install packages", packages=desired["packages"], no_recommends=True)

for item in desired["users"]:
    server.user(
        name=f"Make the user {item['name']}",
        user=item["name"],
        group=item["group"],
        home=item["home"],
        shell=item["shell"],
        comment=item["comment"],
        ensure_home=False,
    )

for item in desired["directories"]:
    files.directory(
        name=f"Make the directory {item['path']}",
        path=item["path"],
        user=item["owner"],
        group=item["group"],
        mode=item["mode"],
    )

for item in desired["files"]:
    files.template(
        name=f"Write {item['path']}",
        src=f"{host.data.here}/templates/{item['template']}",
        dest=item["path"],
        user=item["owner"],
        group=item["group"],
        mode=item["mode"],
        # What Ansible sets, and the names by which its templates know these things.
        jinja_env_kwargs={"trim_blocks": True},
        template_destpath=item["path"],
        inventory_hostname=host.name,
        settings=desired["settings"],
    )

for item in desired["links"]:
    files.link(name=f"Make the link {item['path']}", path=item["path"], target=item["target"])

for path in desired["absent"]:
    files.file(name=f"Remove {path}", path=path, present=False)

for item in desired["units"]:
    systemd.service(
        name=f"Start {item['name']}",
        service=item["name"],
        running=item["state"] == "started",
        enabled=item["enabled"],
    )
