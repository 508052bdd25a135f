"""Kubeconfigs of a cluster's users: by client certificate, by token, and whatever else a user's file may say."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.support.authority import Authority


class Kubeconfigs:
    """A folder of them."""

    def __init__(self, folder: Path, url: str, authority: Authority) -> None:
        self.folder, self.url, self.authority = folder, url, authority
        folder.mkdir()

    def for_certificate(
        self, user: str, groups: Sequence[str] = (), *, until: datetime | None = None, **more: Any
    ) -> Path:
        """Write one for a user whom a client certificate names; `until` may be over."""
        name = f"{_file_name(user)}-{len(list(self.folder.iterdir()))}"
        certificate, key = self.authority.sign(f"user-{name}", user, groups, until=until)
        return self.write(name, {"client-certificate": str(certificate), "client-key": str(key)}, **more)

    def for_token(self, name: str, token: str, **more: Any) -> Path:
        """Write one for whom a bearer token names."""
        return self.write(f"{_file_name(name)}-{len(list(self.folder.iterdir()))}", {"token": token}, **more)

    def write(
        self,
        name: str,
        user: Mapping[str, Any],
        *,
        cluster: Mapping[str, Any] | None = None,
        namespace: str | None = None,
        context: str = "test",
    ) -> Path:
        """Write one: `user` and `cluster` as kubeconfig spells them, `cluster` over what reaches this one."""
        reached = {"server": self.url, "certificate-authority": str(self.authority.path), **(cluster or {})}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": reached}],
            "users": [{"name": "me", "user": dict(user)}],
            "contexts": [
                {
                    "name": context,
                    "context": {"cluster": "test", "user": "me", **({"namespace": namespace} if namespace else {})},
                }
            ],
            "current-context": context,
        }
        path = self.folder / f"{name}.yaml"
        path.touch(0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return path


def _file_name(text: str) -> str:
    return re.sub(r"[^a-z0-9.-]+", "-", text.lower()).strip("-")
