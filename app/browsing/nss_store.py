"""A certificate store for a Firefox profile that holds Harrier's CA as trusted. No Qt.

With NSS's `certutil` where there is one; else with the NSS library that every Firefox brings along, called in a process
of its own, because it would stay initialised in ours.
"""

import ctypes
import os
import ssl
import subprocess
import sys
from collections.abc import Sequence

from proxy_core.channel import SPAWN

NICKNAME = "Harrier CA"
_TIMEOUT_S = 20.0
_CKA_INVALID_HANDLE = 0
_VALID_CA, _TRUSTED_CA = 1 << 3, 1 << 4
_LIBRARIES = {"win32": "nss3.dll", "darwin": "libnss3.dylib"}


class NssError(Exception):
    """The store could not be made: one sentence."""


def trust_ca(profile: str, ca_path: str, certutil: str | None, nss_folders: Sequence[str]) -> None:
    """Make the profile trust the CA. Raises NssError."""
    if certutil is not None:
        problem = _with_certutil(certutil, profile, ca_path)
        if not problem:
            return
    process = SPAWN.Process(target=_with_library, args=(profile, ca_path, list(nss_folders)), daemon=True)
    process.start()
    process.join(_TIMEOUT_S)
    if process.is_alive():
        process.kill()
        process.join()
    if process.exitcode != 0:
        raise NssError("Firefox could not be made to trust Harrier: install NSS's certutil (package libnss3-tools).")


def _with_certutil(certutil: str, profile: str, ca_path: str) -> str:
    """Returns what went wrong."""
    store = ["-d", f"sql:{profile}"]
    commands = [[certutil, "-A", *store, "-n", NICKNAME, "-t", "C,,", "-i", ca_path]]
    if not os.path.exists(os.path.join(profile, "cert9.db")):
        commands.insert(0, [certutil, "-N", *store, "--empty-password"])
    for command in commands:
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return done.stderr.decode("utf-8", "replace") or "certutil failed"
    return ""


class _Item(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int), ("data", ctypes.c_char_p), ("length", ctypes.c_uint))


class _Trust(ctypes.Structure):
    _fields_ = (("ssl", ctypes.c_uint), ("email", ctypes.c_uint), ("signing", ctypes.c_uint))


def _with_library(profile: str, ca_path: str, folders: list[str]) -> None:
    """The process: exit status 0 when the store trusts the CA."""
    for folder in folders:
        name = _LIBRARIES.get(sys.platform, "libnss3.so")
        path = os.path.join(folder, name) if folder else name
        if folder and not os.path.exists(path):
            continue
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        sys.exit(0 if _import(library, profile, ca_path) else 1)
    sys.exit(1)


def _import(nss: ctypes.CDLL, profile: str, ca_path: str) -> bool:
    nss.NSS_Initialize.argtypes = [ctypes.c_char_p] * 4 + [ctypes.c_uint]
    nss.PK11_GetInternalKeySlot.restype = ctypes.c_void_p
    nss.PK11_NeedUserInit.argtypes = [ctypes.c_void_p]
    nss.PK11_InitPin.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    nss.CERT_GetDefaultCertDB.restype = ctypes.c_void_p
    nss.CERT_NewTempCertificate.restype = ctypes.c_void_p
    nss.CERT_NewTempCertificate.argtypes = [
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_int,
    ]
    nss.PK11_ImportCert.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int]
    nss.CERT_ChangeCertTrust.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    with open(ca_path, encoding="ascii") as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    if nss.NSS_Initialize(f"sql:{profile}".encode(), b"", b"", b"secmod.db", 0) != 0:
        return False
    slot = nss.PK11_GetInternalKeySlot()
    if nss.PK11_NeedUserInit(slot):
        nss.PK11_InitPin(slot, None, b"")
    database = nss.CERT_GetDefaultCertDB()
    item = _Item(0, der, len(der))
    certificate = nss.CERT_NewTempCertificate(database, ctypes.byref(item), None, 0, 1)
    if not certificate:
        return False
    if nss.PK11_ImportCert(slot, certificate, _CKA_INVALID_HANDLE, NICKNAME.encode(), 0) != 0:
        return False
    trust = _Trust(_VALID_CA | _TRUSTED_CA, 0, 0)
    # Not shut down afterwards: that fails for a certificate that is still referred to, and the process ends now.
    return bool(nss.CERT_ChangeCertTrust(database, certificate, ctypes.byref(trust)) == 0)
