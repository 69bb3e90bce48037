"""How clients come to trust Harrier's CA: for each sort of them what to do, with a command if there is one. No Qt."""

import os
import sys
from typing import NamedTuple

from proxy_core.formats.shell_word import shell_word


class TrustSteps(NamedTuple):
    """For one sort of clients."""

    client: str
    text: str
    command: str = ""  # for a terminal


def trust_steps(ca_path: str, terminal: str, system: str = sys.platform) -> list[TrustSteps]:
    """All there are, what is likeliest on this system first. `terminal` is the line that sets a terminal up."""
    file = f'"{ca_path}"' if system == "win32" else shell_word(os.fsencode(ca_path))
    here = TrustSteps(
        "Programs in a terminal",
        "curl, Python, Node, git and what looks at the same variables: paste this line before you start them.",
        terminal,
    )
    curl = TrustSteps("curl, once", "This computer's other programs are not touched.", f"curl --cacert {file} …")
    java = TrustSteps(
        "Java",
        "Into the trust store of the Java that runs the program; its password is «changeit» if nobody has changed it.",
        f"keytool -importcert -cacerts -alias harrier -file {file}",
    )
    firefox = TrustSteps(
        "Firefox",
        "Settings › Privacy & Security › View Certificates › Authorities › Import: choose the file, and tick «Trust "
        "this CA to identify websites». A Firefox opened from Harrier needs none of this.",
    )
    android = TrustSteps(
        "Android",
        "Export the certificate and bring it to the device, then Settings › Security › Encryption & credentials › "
        "Install a certificate › CA certificate. From Android 7 on, apps trust it only where their developers wish: "
        "debuggable builds often do, others have to be left undecrypted.",
    )
    iphone = TrustSteps(
        "iPhone and iPad",
        "Export the certificate, send it to the device and open it there; install it in Settings › General › VPN & "
        "Device Management, then switch it on in Settings › General › About › Certificate Trust Settings.",
    )
    name = _NAMES.get(system, "Debian")
    systems = sorted(_systems(file), key=lambda each: not each.client.startswith(name))
    return [here, *systems, curl, firefox, java, android, iphone]


_NAMES = {"win32": "Windows", "darwin": "macOS"}


def _systems(file: str) -> list[TrustSteps]:
    whole = "Every program that asks the system trusts it then; take it away again when you have done."
    return [
        TrustSteps(
            "Debian, Ubuntu",
            whole,
            f"sudo cp {file} /usr/local/share/ca-certificates/harrier-ca.crt && sudo update-ca-certificates",
        ),
        TrustSteps(
            "Fedora, Red Hat",
            whole,
            f"sudo cp {file} /etc/pki/ca-trust/source/anchors/harrier-ca.pem && sudo update-ca-trust",
        ),
        TrustSteps(
            "Chrome on Linux",
            "For your own Chrome or Chromium; one that is opened from Harrier needs none of this.",
            f'certutil -d sql:"$HOME/.pki/nssdb" -A -t C,, -n Harrier -i {file}',
        ),
        TrustSteps(
            "macOS",
            whole,
            f"sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain {file}",
        ),
        TrustSteps("Windows", whole, f"certutil -user -addstore Root {file}"),
    ]
