"""Writes awkward files as a node does, and compares their bytes.

write_files.py PACKWRIGHT USER_DATA CLOUD_INIT

packwright renders a pack with the files, the program of this folder makes
Cluster API's user data of them, and cloud-init (CLOUD_INIT holds its package
`cloudinit`) renders that and runs its own write_files. For nodes that boot with
Ignition the program gives what Ignition's own reader makes of the config.
"""

import base64
import json
import subprocess
import sys

packwright, user_data, cloud_init = sys.argv[1:]
sys.path.insert(0, cloud_init)

import yaml  # noqa: E402
from cloudinit import util  # noqa: E402
from cloudinit.config import cc_write_files  # noqa: E402
from cloudinit.handlers.jinja_template import render_jinja_payload  # noqa: E402

LARGE = "  \n  # {{ ds }} {% raw %} {# x #}\n" + "".join(f"  - Zoë-{n}@北京 get\n" for n in range(1500))
CONTENTS = [
    "a\n", "a", "a\n\n", "  a\n b\n", " \nb\n", "\na\n", "\n", "", "\ta\n", "\u00a0a\n",
    "x: {{ ds.meta_data }}\n", "{% raw %}\n", "{# c #}\n", "}} %} #}\n", "a\n{\n{\n", "## template: jinja\n",
    "a\tb  \n\tc\n", "---\na\n...\n---\nb\n", "a\n   \n", "a\n   \n\n", "a\n  \t\n", "a\n\n\n\nb\n", "%TAG\n", "| >\n", "# c\n",
    "a: 'b' \"c\" \\n $HOME ${x}\n", "ï–北\U0001f600\n", "é" * 8000 + "\n",
    "a\u0085b\n", "a\u2028b\n", "\ufeffa\n", "a\x01b\n", "a\x7f\n", LARGE,
]  # fmt: skip


def run(command, given=None):
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout


def given(contents):
    return {f"/etc/awkward/{number:02}": {"content": content, "permissions": "0640"} for number, content in enumerate(contents)}


def delivered(files, *options):
    """The files as packwright hands them to Cluster API."""
    document = run(
        [packwright, "render", "packs/kube-apiserver-audit", "--set-json", "files=" + json.dumps(files, ensure_ascii=False), *options]
        + ["--target", "cluster-api", "--file", "cluster-api/kubeadmcontrolplane.v1beta2.fragment.yaml"]
    )
    return json.dumps(yaml.safe_load(document)["spec"]["kubeadmConfigSpec"]["files"]).encode()


def compare(node, files, written):
    """Tells what did not arrive, and how many did not."""
    wrong = [path for path, file in files.items() if written.get(path) != (file["content"].encode(), 0o640)]
    for path in wrong:
        print(f"{node} writes {path} as {str(written.get(path))[:200]}, and it was {files[path]['content'][:60]!r}")
    print(f"{node}: {len(files) - len(wrong)} of {len(files)} contents arrive byte for byte")
    return len(wrong)


files = given(CONTENTS)
payload = run([user_data, "cloud-config"], delivered(files)).decode()
rendered = render_jinja_payload(payload, "user-data", {"ds": {"meta_data": "rendered"}, "v1": {}})

written = {}


def remember(path, content, omode="wb", mode=None, **_):
    written[path] = (util.encode_text(content), mode)


util.write_file = remember
util.chownbyname = lambda *_: None
cc_write_files.write_files("write-files", util.load_yaml(rendered)["write_files"], "root:root")

wrong = compare("cloud-init", files, written)

# Ignition takes no gzip, without which the large one does not fit and the empty one cannot be said: packwright refuses them.
files = given(content for content in CONTENTS if content not in ("", LARGE))
written = json.loads(run([user_data, "ignition"], delivered(files, "--set", "targets.cluster-api.format=ignition")))
written = {path: (base64.b64decode(file["content"] or ""), file["mode"]) for path, file in written.items()}
wrong += compare("Ignition", files, written)
sys.exit(1 if wrong else 0)
