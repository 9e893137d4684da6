"""
Where S3 finds its keys, its region and its address, in the order that AWS's own tools have.

Environment variables, also those of web identities and containers, and the machine's own role are obstore's
part. What it does not know is added here: fsspec's configuration, and the profiles of ``~/.aws``. Those that
need more than a file (single sign-on, another role, a program) need boto3 beside storekeeper.
"""

import configparser
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from storekeeper.errors import ConfigurationError

S3: Final = frozenset({"s3", "s3a"})

# fsspec's name → obstore's.
_FSSPEC: Final = {
    "key": "access_key_id",
    "secret": "secret_access_key",
    "token": "session_token",
    "endpoint_url": "endpoint",
    "anon": "skip_signature",
}
_FSSPEC_CLIENT: Final = {"region_name": "region", "endpoint_url": "endpoint"}
_PROFILE: Final = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}
# Keys of a profile whose meaning only AWS's own library knows.
_FOR_BOTO: Final = (
    "role_arn",
    "credential_process",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
)
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
# With one of these obstore finds the keys by itself.
_FOUND_BY_OBSTORE: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def s3_settings(*, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what obstore is told; raises ConfigurationError for what it cannot be told."""
    settings = _of_fsspec(environment)
    profile = settings.pop("profile", None) or environment.get("AWS_PROFILE")
    named = profile or "default"
    section = _profile_section(named, environment)
    if profile and section is None:
        raise ConfigurationError(f"AWS's files have no profile {profile!r}", hint="AWS_PROFILE names it")
    for key, value in _of_profile(
        section or {}, named, environment, needed=_needs_keys(settings, environment)
    ):
        settings.setdefault(key, value)
    for variable in _ENDPOINTS:
        if address := environment.get(variable):
            settings.setdefault("endpoint", address)
            break
    return settings


def _needs_keys(settings: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    if {"access_key_id", "skip_signature"} & settings.keys():
        return False
    # A profile that is named goes before the environment's keys for nobody: AWS's tools have it so, too.
    return not any(environment.get(name) for name in _FOUND_BY_OBSTORE)


def _of_profile(
    section: Mapping[str, str], name: str, environment: Mapping[str, str], *, needed: bool
) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, meaning in _PROFILE.items():
        secret = key.startswith("aws_")
        said = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
        if key in section and (needed if secret else not (key == "region" and said)):
            found.append((meaning, section[key]))
    if needed and "aws_access_key_id" not in section and any(key in section for key in _FOR_BOTO):
        found.append(("credential_provider", _provider_of_boto(name)))
    return found


def _provider_of_boto(profile: str) -> Any:
    try:
        import boto3
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise ConfigurationError(
            f"the profile {profile!r} needs boto3, which is not installed beside storekeeper",
            hint="pip install boto3, or give storekeeper keys of its own in a profile or in its environment",
        ) from None
    return Boto3CredentialProvider(boto3.session.Session(profile_name=profile))


def _profile_section(name: str, environment: Mapping[str, str]) -> dict[str, str] | None:
    home = environment.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - Path's own may raise
    section: dict[str, str] | None = None
    for variable, file, heading in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        path = Path(environment.get(variable) or Path(home, ".aws", file))
        # Percent signs are no variables in AWS's files.
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            # Its text would show what stands there.
            raise ConfigurationError(f"{path} cannot be read as AWS's own tools read it") from None
        if parser.has_section(heading):
            section = {**(section or {}), **dict(parser.items(heading))}
    return section


def _of_fsspec(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what fsspec's configuration says of S3, which places had before obstore."""
    try:
        from fsspec.config import conf
    except ImportError:
        return {}
    said: dict[str, Any] = {}
    for protocol in sorted(S3):
        said |= conf.get(protocol, {})
    client = said.pop("client_kwargs", {})
    if isinstance(client, str):
        with suppress(ValueError):
            client = json.loads(client)
    settings = {"profile": said.pop("profile", None)}
    unknown = [key for key in said if key not in _FSSPEC]
    if not isinstance(client, dict):
        unknown.append("client_kwargs")
        client = {}
    unknown += [f"client_kwargs.{key}" for key in client if key not in _FSSPEC_CLIENT]
    if unknown:
        raise ConfigurationError(
            f"fsspec's configuration of s3 has keys that are not used: {', '.join(sorted(unknown))}",
            hint="Use AWS's environment variables or ~/.aws instead",
        )
    settings |= {_FSSPEC_CLIENT[key]: value for key, value in client.items()}
    settings |= {_FSSPEC[key]: value for key, value in said.items()}
    return {key: value for key, value in settings.items() if value not in (None, "")}
